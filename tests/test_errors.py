import inspect

from scanner import errors


def test_every_error_stands_in_the_tree_that_the_docstring_draws():
    classes = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, Exception)]
    drawn = {}
    above = {}
    for line in errors.__doc__.splitlines():
        words = line.replace("│", " ").replace("├──", "   ").replace("└──", "   ")
        if not line.startswith("    ") or not words.strip():
            continue
        depth = (len(words) - len(words.lstrip())) // 4
        name = words.split()[0]
        above[depth] = name
        drawn[name] = above.get(depth - 1)
    assert drawn == {
        error.__name__: None if error is errors.UnleakError else error.__base__.__name__ for error in classes
    }


def test_an_error_has_a_message_and_perhaps_a_hint():
    error = errors.UsageError("wrong", "try this")
    assert (str(error), error.message, error.hint) == ("wrong", "wrong", "try this")
    assert errors.UsageError("wrong").hint is None


def test_findings_and_incomplete_are_bits():
    assert errors.Exit.FINDINGS | errors.Exit.INCOMPLETE == errors.Exit.FINDINGS_AND_INCOMPLETE
