"""Wildcards: words drawn at random before a prompt is parsed, in the grammar of sd-dynamic-prompts.

    a {red|navy|teal} star           one of the three
    a {3::red|1::blue} star          red three times as often as blue
    {2$$red|navy|teal}               two different ones, "navy,red"; {1-3$$…}, {-2$$…} and {2-$$…} are ranges
    {2$$ and $$red|navy|teal}        with " and " between them
    a {big {red|blue}|small} star    they can be nested
    a __colour__ star                a line of colour.txt in the folder of wildcards; lines can have wildcards
    __animals/dog__, __colours*__    a file in a folder; the lines of all files whose names match
    {2$$__colour__}                  two different lines
    ${hue=!{red|blue}} … ${hue}      a variable: drawn once with "!", else at each use; ${hue:red} has a default
    __season(hue=red)__              a file whose lines use ${hue}
    {~red|blue}, __~colour__         "~" draws at random, as everything does here; "@" and "!" are refused

Braces without a bar, a number or a weight, or without a partner, are plain text, as is whatever follows a backslash.
In a text file, empty lines and those that begin with # do not count. YAML and JSON files have named lists.

After https://github.com/adieyal/sd-dynamic-prompts/blob/main/docs/SYNTAX.md and the parser of adieyal/dynamicprompts.
Comments and the wrap command ``%{…$$…}`` are not supported; the latter is refused.
"""

from studio.prompts.wildcards.draw import expanded
from studio.prompts.wildcards.files import load
from studio.prompts.wildcards.syntax import Line, Lists, first, parted

__all__ = ["Line", "Lists", "expanded", "first", "load", "parted"]
