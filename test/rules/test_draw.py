"""Test what is drawn over an image for people who check a rules file."""

import numpy as np
from rule_scenes import rules_of

from actloc_ros.rules.draw import draw_areas


def test_a_mask_is_drawn_over_the_cameras_of_its_rule_alone(tmp_path):
    mask = '[0.2,0.2, 0.8,0.2, 0.8,0.8, 0.2,0.8]'
    rules = rules_of(
        tmp_path, f'rules: {{a: {{cameras: [front], actions: [lying], mask: {mask}}}}}'
    ).rules
    image = np.zeros((100, 100, 3), np.uint8)
    assert draw_areas(image, rules, 'front').any()
    assert not draw_areas(image, rules, 'back').any()
