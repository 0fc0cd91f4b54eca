from __future__ import annotations

import json

from partita.zoo import find_package


def test_models_are_listed_with_their_scores(command_line):
    code, out, _ = command_line("models")
    card = find_package("default").card
    assert code == 0
    assert "default" in out
    assert card.licence in out
    assert f"drums {card.scores['sdr']['drums']:.1f} dB" in out
    assert f"scores: {card.scores['definition']}" in out.replace("\n", " ") or "scores: SDR in dB" in out


def test_json_has_the_facts_of_the_cards(command_line):
    code, out, _ = command_line("models", "--json")
    assert code == 0
    package = find_package("default")
    (facts,) = [facts for facts in json.loads(out) if facts["name"] == "default"]
    assert facts["sources"] == list(package.card.sources)
    assert facts["bytes"] == package.size
    assert facts["scores"] == package.card.scores
