"""All stories, by the name of their function."""

from collections.abc import Callable, Mapping

from tests.stories import children, nodes
from tests.stories.stage import Stage
from tests.stories.table import Measured

Story = Callable[[Stage], Measured]

STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (
        nodes.what_cannot_be_launched_is_told_and_tried_again,
        nodes.a_node_that_dies_is_told_and_what_returns_is_used_again,
        nodes.a_node_deleted_by_hand_is_replaced,
        nodes.a_machine_that_vanishes_at_once_is_made_anew,
        nodes.a_machine_that_vanishes_in_the_middle_is_made_anew,
        nodes.a_ready_machine_without_a_finalizer_is_replaced,
        nodes.a_ready_machine_with_a_finalizer_is_replaced,
        nodes.nodes_that_never_come_keep_no_other_waiting,
        nodes.nodes_that_never_become_initialized_are_not_bought_twice,
        nodes.workspaces_with_the_same_labels_get_a_node_each_and_keep_it,
        children.a_child_that_is_deleted_is_back_at_once,
        children.a_child_that_is_edited_is_as_it_was_at_once,
        children.an_adapter_without_a_strength_is_served,
        children.many_that_are_deleted_at_once_leave_nothing,
    )
}
