"""Whoever may see an object is found, whatever was learnt, forgotten and outlived before."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.interests import Interests, Rule
from composite.simulate.objects import Ref

POD = objects.POD
KEYS, VALUES = ("app", "tier"), ("a", "b")
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
SPACES = st.sampled_from(("", "one", "two"))
PARENTS = st.sampled_from([Ref("Parent.v1", "", name) for name in "pqrs"])


@st.composite
def some_rules(draw: st.DrawFn) -> list[Rule]:
    shapes = st.one_of(
        st.builds(
            lambda names, space: Rule(POD, space, tuple(names), {}),
            st.lists(st.sampled_from("xyz"), min_size=1, unique=True),
            SPACES,
        ),
        st.builds(
            lambda labels, space: Rule(POD, space, None, {"matchLabels": labels}), LABELS, SPACES
        ),
        st.builds(
            lambda key, space: Rule(
                POD, space, None, {"matchExpressions": [{"key": key, "operator": "Exists"}]}
            ),
            st.sampled_from(KEYS),
            SPACES,
        ),
    )
    return draw(st.lists(shapes, max_size=3))


@st.composite
def some_pods(draw: st.DrawFn) -> JsonObject:
    metadata = {
        "name": draw(st.sampled_from("xyz")),
        "namespace": draw(st.sampled_from(("one", "two"))),
        "labels": draw(LABELS),
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}


EVENTS = st.lists(
    st.tuples(st.sampled_from(("meet", "edit", "learn", "forget", "wait")), PARENTS, some_rules()),
    max_size=25,
)
LASTS = 2


@settings(deadline=None)
@given(events=EVENTS, pods=st.lists(some_pods(), min_size=1, max_size=2))
def test_all_that_may_see_it_are_found_and_none_whose_rules_are_elsewhere(
    events: list[tuple[str, Ref, list[Rule]]], pods: list[JsonObject]
) -> None:
    interests, versions = Interests(), count()
    met: dict[Ref, tuple[str, int]] = {}
    learnt: dict[Ref, tuple[float, list[Rule]]] = {}
    now = 0.0
    for what, ref, rules in events:
        if (what == "meet" and ref not in met) or what == "edit":
            met[ref] = ("uid", next(versions))
            learnt.pop(ref, None)
            interests.meet(ref, met[ref])
        elif what == "learn" and ref in met and ref not in learnt:
            interests.learn(ref, met[ref], now + LASTS, {POD.key: rules})
            learnt[ref] = now + LASTS, rules
        elif what == "forget":
            met.pop(ref, None)
            learnt.pop(ref, None)
            interests.forget(ref)
        else:
            now += 1
            learnt = {ref: known for ref, known in learnt.items() if known[0] > now}

        found = interests.possible(POD.key, pods, now)

        unknown = {ref for ref in met if ref not in learnt}
        seeing = {
            ref
            for ref, (_, rules) in learnt.items()
            if any(rule.matches(pod) for rule in rules for pod in pods)
        }
        assert found == sorted(set(found))
        assert unknown | seeing <= set(found) <= set(met)
        assert set(interests.possible("Service.v1", pods, now)) == unknown


def test_of_a_thousand_with_labels_of_their_own_one_is_found() -> None:
    interests = Interests()
    for number in range(1000):
        ref = Ref("Parent.v1", "", str(number))
        labels = {"apps": str(number), "shared": "yes"}
        interests.meet(ref, ("uid", 1))
        rules = {POD.key: [Rule(POD, "", None, {"matchLabels": labels})]}
        interests.learn(ref, ("uid", 1), 10, rules)
    pod: JsonObject = {"metadata": {"name": "x", "labels": {"apps": "7", "shared": "yes"}}}

    found = interests.possible(POD.key, [pod], 0)

    assert Ref("Parent.v1", "", "7") in found
    assert len(found) < 5


def test_what_was_learnt_of_an_earlier_version_is_not_taken_for_the_present_one() -> None:
    interests, ref = Interests(), Ref("Parent.v1", "", "p")
    interests.meet(ref, ("uid", 2))

    interests.learn(ref, ("uid", 1), 10, {})

    assert interests.possible(POD.key, [], 0) == [ref]


def test_what_was_learnt_holds_until_its_time_is_over() -> None:
    interests, ref = Interests(), Ref("Parent.v1", "", "p")
    interests.meet(ref, ("uid", 1))
    interests.learn(ref, ("uid", 1), 10, {})

    assert interests.possible(POD.key, [], 9) == []
    assert interests.possible(POD.key, [], 10) == [ref]
    interests.learn(ref, ("uid", 1), 20, {})
    assert interests.possible(POD.key, [], 19) == []
