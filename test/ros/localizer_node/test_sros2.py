"""Check that the SROS 2 policy allows what the node does, and nothing more."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from node_harness import NAME, running_node
from rclpy.expand_topic_name import expand_topic_name
from rclpy.node import Node

POLICY = Path(__file__).resolve().parents[3] / 'config' / 'sros2' / 'action_localizer.policy.xml'


def allowed(kind: str, verb: str) -> set[str]:
    """Return the full names of the `kind` (topics, services) that the policy allows to `verb`."""
    root = ElementTree.parse(POLICY).getroot()
    [profile] = root.iter('profile')
    assert profile.attrib == {'ns': '/', 'node': NAME}
    assert {verb for group in profile for verb in group.attrib.values()} == {'ALLOW'}
    names = [e.text or '' for group in profile.findall(kind) if verb in group.attrib for e in group]
    assert len(set(names)) == len(names)
    return {expand_topic_name(name, NAME, '/') for name in names}


def names(answer: list[tuple[str, list[str]]]) -> set[str]:
    """Return the names of a graph query's answer."""
    return {name for name, _ in answer}


def test_the_policy_names_exactly_what_the_graph_shows() -> None:
    with running_node() as client:
        graph: Node = client.node
        client.status()  # the node is known by now, with all that it has
        published = names(graph.get_publisher_names_and_types_by_node(NAME, '/'))
        subscribed = names(graph.get_subscriber_names_and_types_by_node(NAME, '/'))
        served = names(graph.get_service_names_and_types_by_node(NAME, '/'))
        called = names(graph.get_client_names_and_types_by_node(NAME, '/'))
    assert published == allowed('topics', 'publish')
    assert subscribed == allowed('topics', 'subscribe')
    assert served == allowed('services', 'reply')
    assert called == allowed('services', 'request') == set()
