"""Reads a repository as a scan does, in this process."""

from types import SimpleNamespace

from scanner.finding import ObjectLocation, Tally
from scanner.pipeline.scan import scan_unit
from scanner.sources import git


def scan(path, parts=1):
    """The locations of each token that is found, whatever was tallied, and the sightings before they are located."""
    repository = git.Repository.open(path)
    tally, found, objects = Tally(), {}, []
    for unit in git.discover(repository, parts=parts):
        scanned = scan_unit(unit)
        tally.add(scanned.tally)
        for secret, entry in scanned.group.entries.items():
            found.setdefault(secret.reveal(), []).extend(entry.locations)
        objects += [(secret.reveal(), sighting) for secret, sighting in scanned.group.objects()]
    assert all(isinstance(sighting, ObjectLocation) for _, sighting in objects)
    tokens = sorted({token for token, _ in objects})
    sightings = [(tokens.index(token), sighting) for token, sighting in objects]
    for number, location in git.origins(repository, sightings):
        found[tokens[number]].append(location)
    return SimpleNamespace(found=found, tally=tally, objects=objects, repository=repository)


def counted(repo):
    """How many objects git itself knows, trees left out, and their bytes."""
    listing = repo.git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectsize)").splitlines()
    sizes = [int(line.split()[1]) for line in listing if not line.startswith("tree")]
    return len(sizes), sum(sizes)
