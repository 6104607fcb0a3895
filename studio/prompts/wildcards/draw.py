"""Draws wildcards: replaces all wildcards of a prompt by words, the same for the same seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from studio.errors import InputError
from studio.prompts.wildcards.files import matching
from studio.prompts.wildcards.syntax import (
    REFERENCE,
    Brace,
    Line,
    Lists,
    Variable,
    WildcardChoice,
    WildcardReference,
    choice,
    found_in,
    outermost,
    variable,
    weight,
    words,
)

MOST: Final = 500
"""The most draws in one prompt."""
_LETTERS, _DEEPEST = 10_000, 50

Variables = Mapping[str, str]


def expanded(text: str, lists: Lists, seed: str) -> str:
    """The text with each wildcard drawn; the same seed draws the same. Files missing in ``lists`` stay as written.

    Raises InputError after 500 draws, over 10,000 letters, for files that refer to each other in a cycle, for a
    variable without a value, and for syntax of sd-dynamic-prompts that the studio does not support.
    """
    drawn = _Draw(lists, Random(f"wildcards {seed}")).of(text, (), {})
    if len(drawn) > max(_LETTERS, len(text)):
        raise InputError(f"the prompt grows over {_LETTERS:,} letters with its wildcards; shorten their lines")
    return drawn


@dataclass
class _Draw:
    lists: Lists
    random: Random
    count: int = field(default=0)

    def of(self, text: str, within: tuple[str, ...], variables: Variables) -> str:
        """Draw a text; ``within`` is the chain of files, variables and braces that it comes from."""
        if len(within) > _DEEPEST:
            raise InputError(f"the prompt's wildcards are nested over {_DEEPEST} deep; take some out")
        braces = [(brace, variable(text, brace)) for brace in outermost(text)]
        variables = dict(variables) | self._assigned([one for _, one in braces if one], within, variables)
        made, at = "", 0
        for brace, used in braces:
            made += self._files(text[at : brace.start - bool(used)], within, variables)
            made += self._value(used, within, variables) if used else self._brace(text, brace, within, variables)
            at = brace.end + 1
        return made + self._files(text[at:], within, variables)

    def _assigned(self, found: list[Variable], within: tuple[str, ...], before: Variables) -> dict[str, str]:
        """The variables that a text sets, anywhere in it; they hold for all of it and for the files it refers to."""
        return {
            one.name: self.of(one.value, (*within, "{"), before) if one.once else one.value
            for one in found
            if one.value is not None and not (one.keep and one.name in before)
        }

    def _value(self, used: Variable, within: tuple[str, ...], variables: Variables) -> str:
        if used.value is not None:
            return ""
        text = variables.get(used.name, used.default)
        if text is None:
            raise InputError(
                f"the variable '${{{used.name}}}' has no value; give it one, ${{{used.name}=…}}, "
                f"or write $\\{{{used.name}\\}} for plain text"
            )
        return self.of(text, self._inwards(f"${{{used.name}}}", "variable", within), variables)

    def _brace(self, text: str, brace: Brace, within: tuple[str, ...], variables: Variables) -> str:
        drawn = choice(text, brace)
        if drawn is None:
            return "{" + self.of(text[brace.start + 1 : brace.end], (*within, "{"), variables) + "}"
        options, within, variables = self._options(drawn, within, variables)
        chosen = self._some(options, drawn) if drawn.most > 1 or drawn.least != 1 else [self._one(options)]
        return drawn.separator.join(self.of(option, (*within, "{"), variables) for option in chosen)

    def _options(
        self, drawn: WildcardChoice, within: tuple[str, ...], variables: Variables
    ) -> tuple[Sequence[Line], tuple[str, ...], Variables]:
        """The options of a choice; for a single file its lines, so that no two are the same."""
        only = drawn.options[0] if len(drawn.options) == 1 else ""
        found = REFERENCE.fullmatch(only) if isinstance(only, str) else None
        if found is None or not found[2]:
            return drawn.options, within, variables
        return self._lines(WildcardReference.of(found), within, variables) or (drawn.options, within, variables)

    def _files(self, text: str, within: tuple[str, ...], variables: Variables) -> str:
        made, at = "", 0
        for found in found_in(text):
            made, at = made + text[at : found.start()], found.end()
            lines = self._lines(WildcardReference.of(found), within, variables)
            made += self.of(self._one(lines[0]), *lines[1:]) if lines else found[0]
        return made + text[at:]

    def _lines(
        self, named: WildcardReference, within: tuple[str, ...], variables: Variables
    ) -> tuple[Sequence[Line], tuple[str, ...], Variables] | None:
        """The lines of a file with the chain and variables for them; None for a file that was not loaded."""
        files = matching(self.lists, named.name)
        lines = list(dict.fromkeys(line for name in files for line in self.lists[name]))
        if not files:
            return None
        within = self._inwards(files[0] if len(files) == 1 else named.name, "wildcard", within)
        return lines if len(files) > 1 else self.lists[files[0]], within, {**variables, **named.variables()}

    def _inwards(self, name: str, what: str, within: tuple[str, ...]) -> tuple[str, ...]:
        if name in within:
            raise InputError(f"the {what} '{name}' refers to itself through {' > '.join((*within, name))}")
        return (*within, name)

    def _some(self, options: Sequence[Line], drawn: WildcardChoice) -> list[str]:
        """Several different options, or as many as there are."""
        left = [option for option in options if weight(option)]
        least, most = min(drawn.least, len(left)), min(drawn.most, len(left))
        return [words(left.pop(self._at(left))) for _ in range(self.random.randint(least, most))]

    def _one(self, options: Sequence[Line]) -> str:
        return words(options[self._at(options)])

    def _at(self, options: Sequence[Line]) -> int:
        """The index of the drawn option."""
        self.count += 1
        if self.count > MOST:
            raise InputError(f"the prompt draws over {MOST} wildcards; take some out")
        if all(isinstance(option, str) for option in options):
            return self.random.choice(range(len(options)))
        return self.random.choices(range(len(options)), list(map(weight, options)))[0]
