"""An estimate of what a batch will take: time, disk, energy, money."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from studio.runtime.duration import duration

_KWH: Final = 3.6e6  # joules


class Power(NamedTuple):
    """The power the machine draws while it makes pictures, and how that is known."""

    watts: float
    how: str


class Prices(NamedTuple):
    """Prices in any one currency: of a kWh, and of a picture from a commercial API."""

    kwh: float | None = None
    picture: float | None = None


@dataclass(frozen=True)
class BatchPlan:
    """For ``pictures`` that are missing, beside those that are ``there``: typical ``seconds``, between ``least`` and
    ``most``, and ``bytes`` of disk. ``measured`` says what the speeds rest on."""

    pictures: int
    there: int
    seconds: float
    least: float
    most: float
    bytes: float
    measured: tuple[str, ...]
    power: Power
    prices: Prices

    @property
    def kwh(self) -> float:
        return self.seconds * self.power.watts / _KWH

    def short(self) -> str:
        """Time, disk and energy in one line."""
        return f"about {duration(self.seconds)}, {_size(self.bytes)} of disk, {_energy(self.kwh)}"

    def lines(self) -> Iterator[str]:
        """The plan as text. All figures are estimates and say what they rest on."""
        yield f"pictures  {self.pictures:,}{f', and {self.there:,} that are there' if self.there else ''}"
        if not self.pictures:
            return
        yield f"time      about {duration(self.seconds)}, from {duration(self.least)} to {duration(self.most)}"
        for how in self.measured:
            yield f"          {how}"
        yield f"disk      about {_size(self.bytes)}"
        yield f"energy    about {_energy(self.kwh)} ({self.power.how})"
        if self.prices.kwh is not None:
            yield f"money     {_money(self.kwh * self.prices.kwh)} of electricity at {self.prices.kwh:g} a kWh"
        if self.prices.picture is not None:
            paid = _money(self.pictures * self.prices.picture)
            yield f"by an API {paid} at {self.prices.picture:g} a picture"


def _energy(kwh: float) -> str:
    amount, unit = (kwh, "kWh") if kwh >= 1 else (kwh * 1000, "Wh")
    return f"{float(f'{amount:.2g}'):,g} {unit}"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.1f} MB"


def _money(amount: float) -> str:
    return f"about {amount:,.2f}" if amount >= 0.01 or not amount else "less than 0.01"
