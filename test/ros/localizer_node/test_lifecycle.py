"""Check the node's states: managed from outside, cycled, broken, and with wrong parameters."""

import gc
import sys
import threading
import time
import weakref
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import ModuleType
from typing import ClassVar

import pytest
import rclpy
from colour_localizer import ColourLocalizer
from model_memory import resident, residents_of_a_life
from node_harness import (
    MILLISECOND,
    Client,
    image_message,
    picture,
    running_node,
    spinning,
    values,
    wait_for,
)
from rcl_interfaces.msg import Log, ParameterType, ParameterValue
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import DescribeParameters
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from actloc_ros.models.open import open_localizer
from actloc_ros.msg import ActionDetection as Detection
from actloc_ros.parameter_spec import Mutability
from actloc_ros.ros.localizer_node.node import ActionLocalizer
from actloc_ros.ros.localizer_node.worker import FAILURES
from actloc_ros.settings.specs import SPECS

START = 1_700_000_000_000_000_000
PERIOD = 40 * MILLISECOND


def test_a_lifecycle_manager_takes_it_through_all_states() -> None:
    with running_node(autostart=False) as client:
        assert client.state() == 'unconfigured'
        assert 'not active' in client.reset().message
        assert not client.enable(True).success
        assert client.change_state('configure')
        assert client.state() == 'inactive'
        camera = client.camera()
        camera.publish(image_message(picture('red'), START))
        assert client.change_state('activate')
        client.show(camera, picture('red'), START + PERIOD)
        assert len(client.detections) == 1  # what came before was let go
        assert client.change_state('deactivate')
        wait_for(lambda: len(client.events) == 2)
        assert client.events[1].state == Detection.ENDED
        assert client.change_state('cleanup')
        assert client.state() == 'unconfigured'
        assert client.status().message == 'unconfigured'
        assert ColourLocalizer.opened == 0


def test_who_waits_for_a_subscriber_finds_one_when_the_model_is_open(monkeypatch) -> None:
    subscribers = []

    def take_long(*arguments):
        time.sleep(1)  # a subscription of the node would be known by then
        subscribers.append(client.node.count_subscribers('image'))
        return open_localizer(*arguments)

    monkeypatch.setattr('actloc_ros.ros.localizer_node.node.open_localizer', take_long)
    with running_node(autostart=False) as client:
        assert client.change_state('configure')
        client.camera()
    assert subscribers == [0]


@pytest.mark.parametrize(('free', 'count'), [(False, 50), (True, 20)])
def test_cycles_leak_nothing(free: bool, count: int) -> None:
    with running_node(autostart=False, free_on_deactivate=free) as client:
        assert client.change_state('configure')
        camera = client.camera()
        pixels = picture('red', size=(640, 480))

        def cycle(number: int) -> None:
            assert client.change_state('activate')
            answer = client.show(camera, pixels, START + number * PERIOD)
            assert answer.detections[0].track_id == 1
            assert client.change_state('deactivate')
            assert ColourLocalizer.opened == (0 if free else 1)

        for number in range(5):
            cycle(number)
        gc.collect()
        threads, memory = threading.active_count(), resident()
        subscriptions = camera.get_subscription_count()
        for number in range(5, count):
            cycle(number)
        gc.collect()
        assert threading.active_count() == threads
        assert camera.get_subscription_count() == subscriptions == 1
        frames = (count - 5) * pixels.nbytes / 1e6
        assert resident() - memory < frames / 2


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref]:
    """Return the list of all localizers that are opened from now on."""
    models: list[weakref.ref] = []
    opened = ColourLocalizer.__init__

    def remember(self: ColourLocalizer, options: object) -> None:
        opened(self, options)  # type: ignore[arg-type]
        models.append(weakref.ref(self))

    monkeypatch.setattr(ColourLocalizer, '__init__', remember)
    return models


def test_deactivation_frees_the_model_where_that_is_asked_for(models: list[weakref.ref]) -> None:
    with running_node(free_on_deactivate=True) as client:
        client.show(client.camera(), picture('red'), START)
        assert client.change_state('deactivate')
        assert [model() for model in models] == [None]
        assert client.change_state('activate')
        assert len(models) == 2


def test_what_a_model_took_is_given_back() -> None:
    # In a process of its own: the heap of one that ran other tests has holes already.
    with ProcessPoolExecutor(1, get_context('spawn')) as pool:
        unconfigured, inactive, freed = pool.submit(residents_of_a_life).result(timeout=120)
    assert 55 < inactive - unconfigured < 100
    assert inactive - freed > 45


def test_the_model_is_not_opened_again_after_deactivation(models: list[weakref.ref]) -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        assert client.change_state('deactivate')
        assert client.change_state('activate')
        assert client.show(camera, picture('red'), START + PERIOD).detections[0].track_id == 1
        assert len(models) == 1
        assert client.change_state('deactivate')
        assert client.change_state('cleanup')
        assert [model() for model in models] == [None]


def test_services_answer_while_the_model_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    may_open = threading.Event()

    def take_long(*arguments):
        assert may_open.wait(30)
        return open_localizer(*arguments)

    monkeypatch.setattr('actloc_ros.ros.localizer_node.node.open_localizer', take_long)
    with running_node(autostart=False) as client:
        configured: list[bool] = []
        thread = threading.Thread(
            target=lambda: configured.append(client.change_state('configure')), daemon=True
        )
        thread.start()
        wait_for(lambda: 'opening the model colour_localizer' in client.status().message)
        assert client.state() == 'configuring'
        assert client.set(max_rate=5.0) == ''
        assert 'wait until the model is open' in client.set(bridge_gap=0.1)
        assert not client.enable(True).success
        assert not configured
        may_open.set()
        thread.join(30)
        assert configured == [True]
        assert client.state() == 'inactive'


def test_transitions_that_are_not_possible_are_refused() -> None:
    with running_node() as client:
        camera = client.camera()
        assert not client.change_state('activate')
        assert not client.change_state('configure')
        client.show(camera, picture('red'), START)
        assert client.change_state('deactivate')
        assert not client.change_state('deactivate')
        assert client.state() == 'inactive'
        assert client.change_state('activate')
        client.show(camera, picture('red'), START + PERIOD)


def test_a_parameter_of_an_unknown_type_is_refused() -> None:
    with running_node() as client:
        unknown = ParameterValue(type=77)
        assert '77' in client.set_messages([ParameterMessage(name='max_rate', value=unknown)])
        assert client.set(max_rate=5.0) == ''


class FakeBond:
    """Stands for `bondpy.bondpy.Bond`."""

    alive: ClassVar[list[tuple[str, str]]] = []

    def __init__(self, node: Node, topic: str, bond_id: str) -> None:
        self._name = (topic, bond_id)
        self.pub, self.sub = node.create_publisher(Log, topic, 1), None

    def start(self) -> None:
        """Note that the bond is there."""
        self.alive.append(self._name)

    def shutdown(self) -> None:
        """Note that it is not any more."""
        self.alive.remove(self._name)


def test_a_bond_lasts_while_a_manager_keeps_it_active(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType('bondpy.bondpy')
    module.Bond = FakeBond  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, 'bondpy', ModuleType('bondpy'))
    monkeypatch.setitem(sys.modules, 'bondpy.bondpy', module)
    rclpy.init()
    node = ActionLocalizer(
        parameter_overrides=[
            Parameter('autostart', value=False),
            Parameter('model', value='colour_localizer:ColourLocalizer'),
        ]
    )
    client = Client()
    with spinning(node, client.node):
        assert client.change_state('configure')
        assert not FakeBond.alive
        assert client.change_state('activate')
        assert FakeBond.alive == [('bond', 'action_localizer')]
        assert client.change_state('deactivate')
        assert not FakeBond.alive
    node.destroy_node()
    client.node.destroy_node()
    rclpy.shutdown()


def test_an_error_in_the_worker_is_told_and_ends_the_activation() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        white = picture(None)
        white[:] = 255
        for index in range(FAILURES):
            camera.publish(image_message(white, START + (1 + index) * PERIOD))
            if index < FAILURES - 1:
                wait_for(
                    lambda n=index + 1: (
                        values(client.status('camera')).get('frames broken (model failed)')
                        == str(n)
                    )
                )
                assert client.state() == 'active'
        wait_for(lambda: client.state() == 'inactive')
        status = client.status()
        assert status.level == b'\x02'
        assert 'ZeroDivisionError: white all over' in status.message
        wait_for(lambda: len(client.events) == 2)
        assert client.events[1].state == Detection.ENDED
        assert client.change_state('activate')
        assert client.status().level == b'\x00'
        client.show(camera, picture('red'), START + 9 * PERIOD)


def test_one_image_on_which_the_model_fails_is_skipped() -> None:
    with running_node() as client:
        camera = client.camera()
        client.show(camera, picture('red'), START)
        white = picture(None)
        white[:] = 255
        for index in range(1, 2 * FAILURES, 2):  # never so many in a row
            camera.publish(image_message(white, START + index * PERIOD))
            client.wait_for_status('ZeroDivisionError: white all over')
            answer = client.show(camera, picture('red'), START + (index + 1) * PERIOD)
        assert client.state() == 'active'
        assert answer.frames_dropped == FAILURES
        assert answer.detections[0].state == Detection.STARTED


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'model': 'warp_drive'}, 'there is no model "warp_drive"'),
        ({'weights': 'missing.pt'}, 'there are no weights "missing.pt"'),
        ({'instances__overrides': ['dance:start_score=0.3']}, "no such label: 'dance'"),
        ({'target_frame': 'map'}, 'target_frame needs tf2_ros'),
    ],
)
def test_what_cannot_be_configured_is_told(
    given: dict, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)  # as where it is not installed
    with running_node(autostart=False, **given) as client:
        assert not client.change_state('configure')
        assert client.state() == 'unconfigured'
        status = client.status()
        assert status.level == b'\x02'
        assert reason in status.message


def test_a_fault_can_be_mended_by_parameters() -> None:
    with running_node(autostart=False, weights='missing.pt') as client:
        assert not client.change_state('configure')
        assert client.set(weights='') == ''
        assert client.change_state('configure')
        assert client.change_state('activate')
        assert 'deactivate it first' in client.set(weights='other.pt')
        assert client.change_state('deactivate')
        assert client.set(weights='other.pt') == ''
        assert not client.change_state('activate')
        assert 'no weights "other.pt"' in client.status().message
        assert client.state() == 'inactive'


@pytest.mark.parametrize(
    ('given', 'error', 'reason'),
    [
        ({'max_rate': 'fast'}, InvalidParameterTypeException, 'max_rate.*STRING.*DOUBLE'),
        ({'cameras': 'front'}, InvalidParameterTypeException, 'cameras.*STRING_ARRAY'),
        ({'process_all': 1}, InvalidParameterTypeException, 'process_all.*INTEGER.*BOOL'),
        ({'max_rate': -1.0}, InvalidParameterValueException, 'max_rate.*-1.0'),
        ({'tubes__iou_min': 1.5}, InvalidParameterValueException, 'iou_min.*1.5'),
        ({'tubes__iou_min': 0.0}, ValueError, 'iou_min is 0.0'),
        ({'instances__start_score': -0.5}, ValueError, 'start_score is -0.5'),
        ({'instances__overrides': ['x']}, ValueError, "override 'x' is not LABEL:KEY=VALUE"),
        ({'transport': 'pigeon'}, ValueError, 'transport is "pigeon".*raw or compressed'),
        ({'precision': 'int3'}, ValueError, 'precision is "int3"'),
        ({'device': 'tpu'}, ValueError, 'device is "tpu"'),
        ({'model': ''}, ValueError, 'model is empty'),
        ({'cameras': ['a', 'a']}, ValueError, 'a name twice'),
        ({'cameras': ['a b']}, ValueError, '"a b"'),
        ({'restart_gap': 0.1}, ValueError, 'restart_gap is 0.1 s.*bridge_gap'),
    ],
)
def test_wrong_parameters_are_refused_at_start(given: dict, error: type, reason: str) -> None:
    with pytest.raises(error, match=reason), running_node(**given):
        pass


def test_parameters_change_at_run_time_or_say_why_not() -> None:
    with running_node() as client:
        camera = client.camera()
        assert client.show(camera, picture('red'), START).detections[0].label == 'red'
        assert client.set(instances__overrides=['red:start_score=0.99,end_score=0.99']) == ''
        assert client.set(instances__merge_gap=0.0) == ''
        after = client.show(camera, picture('red'), START + PERIOD)
        assert Detection.ONGOING not in [d.state for d in after.detections]
        for refused, reason in (
            ({'cameras': ['a']}, 'read-only'),
            ({'process_all': True}, 'read-only'),
            ({'model': 'motion'}, 'deactivate it first'),
            ({'instances__overrides': ['dance:start_score=0.3']}, "no such label: 'dance'"),
            ({'instances__start_score': 1.5}, 'out of range'),
            ({'instances__start_score': float('nan')}, 'start_score'),
            ({'instances__end_score': 0.6}, 'end_score 0.6'),
            ({'diagnostics__period': 0.0}, 'out of range'),
            ({'max_rate': 5}, 'type'),
        ):
            assert reason in client.set(**refused), refused
        assert client.set(instances__start_score=0.7) == ''
        assert client.set(instances__end_score=0.6) == ''
        assert client.set(diagnostics__period=0.2, publish_markers=True) == ''


def test_a_parameter_without_a_value_is_refused() -> None:
    nothing = ParameterValue(type=ParameterType.PARAMETER_NOT_SET)
    with running_node() as client:
        reason = client.set_messages([ParameterMessage(name='max_rate', value=nothing)])
        assert reason
        assert client.state() == 'active'


def test_every_parameter_is_described_and_ranged() -> None:
    with running_node(autostart=False) as client:
        names = [spec.name for spec in SPECS]
        request = DescribeParameters.Request(names=names)
        found = client.call(DescribeParameters, 'describe_parameters', request).descriptors
        assert [descriptor.name for descriptor in found] == names
        for spec, descriptor in zip(SPECS, found, strict=True):
            assert len(descriptor.description) > 20
            assert descriptor.read_only == (spec.change is Mutability.START)
            assert descriptor.additional_constraints.startswith(spec.change.value)
            if descriptor.type == ParameterType.PARAMETER_DOUBLE:
                assert descriptor.floating_point_range[0].to_value > 0


def test_diagnostics_say_what_the_node_does() -> None:
    with running_node(instances__min_duration=0.0) as client:
        camera = client.camera()
        for index in range(3):
            client.show(camera, picture('red'), START + index * PERIOD)
        status = client.status()
        shown = values(status)
        assert (shown['model'], shown['labels'], shown['state']) == ('colour', '3', 'active')
        status = client.status('camera')
        shown = values(status)
        assert (shown['frames in'], shown['frames processed']) == ('3', '3')
        assert (shown['frames dropped'], shown['frames lost on the way']) == ('0', '0')
        assert float(shown['rate in Hz']) > 0
        parts = (
            'callback',
            'transport',
            'wait',
            'decode',
            'preprocess',
            'infer',
            'link',
            'hold',
            'publish',
            'latency',
        )
        for part in parts:
            assert float(shown[f'{part} p99 in ms']) >= float(shown[f'{part} p50 in ms']) >= 0
        assert 0 < float(shown['infer p50 in ms']) < float(shown['latency p50 in ms'])
