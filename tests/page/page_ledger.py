"""A small campaign with something for every section, and a family that means harm."""

from itertools import combinations

from ledger_maker import CONDITIONS, Maker

from nas.ledger import models as m
from nas.schema import Choice, ExpertAxis, Member, MemberProfile, Recipe, Space

EVIL = "<script>alert(1)</script>"
BOLD = "<b>x</b><a href='https://example.org'>y</a>"
MESSAGE = f"<img src=x onerror=alert(1)> &amp; {EVIL} %{{x}}"
FAMILIES = ("ant", "bee", "cat", EVIL, BOLD)
SPACE = Space(
    name="toy",
    experts=ExpertAxis(k=2, families={f: (Member(model=f"m{n}"),) for n, f in enumerate(FAMILIES)}),
    choices=(Choice(name="mixing", values=("soft", "top1")),),
    recipe=Recipe(epochs=2),
)
FIGURES = (
    *("together", "coverage", "families", "pairs", "costs"),
    *("curves", "failures", "timeline", "gates"),
)
"""The page's figures, by the ids of their sections."""
PAIRS = list(combinations(range(len(FAMILIES)), 2))


def fill(maker: Maker) -> None:
    """60 mixtures, of which four fail, the controls, a candidate at work, a benching, probes."""
    settings = [(mixing, again) for mixing in ("soft", "top1") for again in range(3)]
    drawn = [(a, b, mixing, again) for mixing, again in settings for a, b in PAIRS]
    for n, (a, b, mixing, again) in enumerate(drawn):
        models = (f"m{a}", f"m{b}")
        if n % 5 == 4 and not again:
            maker.failed(*models, mixing=mixing, message=MESSAGE)
            continue
        value = 0.5 + 0.03 * a - 0.02 * b + 0.001 * (n * 7 % 11)
        maker.trained(
            *models,
            val=value,
            inside=(value - 0.1, value - 0.2),
            usage=(0.3 + 0.01 * a, 0.7 - 0.01 * a),
            uniform=value - 0.02,
            mixing=mixing,
            replicate=again,
        )
    for n in range(len(FAMILIES)):
        maker.control(f"m{n}", 0.4 + 0.01 * n)
    maker.start(maker.draw("m0", "m1", mixing="soft", replicate=9))
    maker.store.event("benched", family=EVIL, after=6, drawn=60)
    for n in range(len(FAMILIES)):
        member = Member(model=f"m{n}")
        probe = MemberProfile(
            member=member, ok=True, params=100 * n, batch=32, seconds=0.32, macs=7
        )
        maker.ledger.put_profiles(CONDITIONS, [probe])
    with maker.ledger.session() as session:
        for row in session.query(m.Candidate):
            row.code = code_of(row.families, row.number)
        for attempt in session.query(m.Attempt):
            attempt.params = 1000 + 37 * (attempt.id % 13)


def code_of(families: str, number: int) -> str:
    """Forty lines, two of them the candidate's own."""
    body = [f"line_{n} = {n}" for n in range(38)]
    return "\n".join([f'"""{families}"""', *body, f"number = {number}  # </script>", ""])
