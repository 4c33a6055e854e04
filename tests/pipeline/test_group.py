import pickle

from hypothesis import given
from hypothesis import strategies as st
from minting import mint

from scanner.finding import Check, Exposure, FileLocation, GitLocation, Match, ObjectLocation, Position
from scanner.pipeline.group import MAX_LOCATIONS, Group
from scanner.secret import Secret

SECRETS = [Secret(mint(seed)) for seed in range(3)]

sightings = st.one_of(
    st.builds(
        FileLocation,
        st.sampled_from(["a", "b", "c"]),
        st.builds(Position, st.just(1), st.just(1), st.integers(0, 400)),
        st.sampled_from([Exposure.FILE, Exposure.LOCAL]),
    ),
    st.builds(
        ObjectLocation,
        st.sampled_from(["r", "s"]),
        st.sampled_from(["01", "02"]),
        st.just("blob"),
        st.builds(Position, st.just(1), st.just(1), st.integers(0, 9)),
    ),
)
hits = st.lists(st.tuples(st.sampled_from(SECRETS), sightings), max_size=300)


def grouped(hits):
    group = Group()
    for secret, sighting in hits:
        group.add(Match("github-pat-classic", Check.PASSED, secret, 0), sighting)
    return group


def described(group):
    return {
        secret: (entry.total, entry.exposure, entry.locations, entry.objects) for secret, entry in group.entries.items()
    }


@given(hits, st.data())
def test_how_hits_are_shared_out_and_in_which_order_they_come_changes_nothing(hits, data):
    shuffled = data.draw(st.permutations(hits))
    cut = data.draw(st.integers(0, len(hits)))
    first, second = grouped(shuffled[:cut]), grouped(shuffled[cut:])
    first.merge(pickle.loads(pickle.dumps(second)))
    assert described(first) == described(grouped(hits))


@given(hits)
def test_every_place_in_a_file_is_counted_and_the_first_ones_are_kept(hits):
    for secret, entry in grouped(hits).entries.items():
        places = [place for other, place in hits if other == secret and isinstance(place, FileLocation)]
        assert entry.total == len(places)
        assert len(entry.locations) == min(len(places), MAX_LOCATIONS)
        first = sorted(places, key=lambda place: (place.path, place.at.offset, place.exposure))
        assert list(entry.locations) == first[:MAX_LOCATIONS]


def test_what_got_farthest_decides_the_exposure():
    at = Position(1, 1, 0)
    group = grouped(
        [
            (SECRETS[0], FileLocation("a", at, Exposure.LOCAL)),
            (SECRETS[0], GitLocation("r", "index", Exposure.STAGED, at)),
            (SECRETS[0], FileLocation("b", at)),
            (SECRETS[1], FileLocation("a", at, Exposure.LOCAL)),
        ]
    )
    assert group.entries[SECRETS[0]].exposure is Exposure.STAGED
    assert group.entries[SECRETS[1]].exposure is Exposure.LOCAL
