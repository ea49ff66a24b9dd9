"""An order of yours was filled, cancelled or triggered."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from rules import units
from rules.alerts import Alert
from rules.compiled import Rule
from rules.events import OrderUpdate, TriggerOrderUpdate
from rules.kinds.private import Private, about
from rules.kinds.words import number
from rules.levels import ladder
from rules.sentences import Reading, Sentences
from rules.spec import listing

State = Literal["filled", "partly_filled", "cancelled", "triggered"]
TRIGGERED = "triggered"


class Order(Private):
    """Said once a change. `triggered` is about orders that wait for a price, which the venue tells apart."""

    ON = OrderUpdate
    ADDED = ("trigger_price", "trigger_kind", "created_ms", "expires_ms")

    type: Literal["order"]
    states: Annotated[
        tuple[State, ...],
        BeforeValidator(listing),
        Field(min_length=1, description="filled, partly_filled, cancelled; or triggered"),
    ] = ("filled",)
    at_least: Annotated[float | None, Field(gt=0, allow_inf_nan=False, description="contracts ordered, or more")] = None

    @field_validator("states")
    @classmethod
    def _of_one_sort(cls, states: tuple[State, ...]) -> tuple[State, ...]:
        if TRIGGERED in states and len(states) > 1:
            raise ValueError("orders that wait for a price come by another message; give `triggered` a rule of its own")
        return states

    @field_validator("for_", "keep_firing_for")
    @classmethod
    def _at_once(cls, duration: int) -> int:
        if duration:
            raise ValueError("an order's change is said once, when it comes; leave it out")
        return duration

    @field_validator("max_age")
    @classmethod
    def _no_age(cls, max_age: int | None, info: ValidationInfo) -> int | None:
        del info
        if max_age is not None:
            raise ValueError("orders come when they come, and their silence is no staleness; leave max_age out")
        return max_age

    def compile(self) -> Rule:
        states = frozenset(self.states)

        def score(event: OrderUpdate | TriggerOrderUpdate) -> float | None:
            return (event.quantity or 0.0) if event.state in states else None

        return self.scored(
            TriggerOrderUpdate if TRIGGERED in states else OrderUpdate,
            score,
            by=("venue", "account", "symbol"),
            ladder=ladder({self.severity: self.at_least or 0.0}, strict=False),
            is_momentary=True,
        )

    def sentence(self) -> str:
        size = "" if self.at_least is None else f" of {units.say_number(self.at_least)} contracts or more"
        states = " or ".join(state.replace("_", " ") for state in self.states)
        return f"when an order{self.whose()}{self.places()}{size} is {states}{self.manners()}"


def say(alert: Alert, now_ms: int) -> Sentences:
    """`main: BTC-USDT-PERP order filled, 100 contracts at 61,001.00`."""
    del now_ms
    facts = alert.facts
    names = ("quantity", "filled", "price", "average_price", "trigger_price")
    quantity, filled, price, average, trigger = (number(facts, name) for name in names)
    who, _, what = about(alert.key, {**facts, "side": None}).partition(": ")
    what = "" if what == "a position" else f"{what} "
    side = f"{facts['side']} ".lower() if str(facts.get("side")).lower() in ("buy", "sell") else ""
    state = str(facts.get("state")).replace("_", " ")
    size = f"{units.say_number(quantity or 0.0)} contracts"
    if facts.get("state") == "partly_filled":
        size = f"{units.say_number(filled or 0.0)} of {size}"
    at = average or price
    where = f" at {units.say_price(at)}" if at else ""
    kind = "trigger order" if trigger is not None else "order"
    details = [f"order {facts.get('order_id')}"]
    if trigger is not None:
        details.insert(0, f"trigger {units.say_price(trigger)}")
    reading = Reading(f"{kind} {state}")
    return Sentences(f"{who}: {what}{side}{reading}, {size}{where}", tuple(details), reading=reading)


SPEC = Order
