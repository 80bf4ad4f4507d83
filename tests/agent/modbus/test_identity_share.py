"""The account of what questions of identity cost a line."""

from agent.modbus.identity_share import SAVED_S, SHARE, IdentityShare
from agent.modbus.sameness import MARK_EVERY_S, Sameness


def test_no_more_is_spent_than_its_share_and_what_was_saved() -> None:
    account, spent_s = IdentityShare(0.0), 0.0
    for second in range(600):
        if account.allows(float(second)):
            account.spend(1.0, float(second))
            spent_s += 1.0
    assert SHARE * 600 <= spent_s <= SHARE * 600 + SAVED_S + 1.0 <= 0.05 * 600
    assert account.allows(1e6)
    account.spend(SAVED_S + 0.1, 1e6)
    assert not account.allows(1e6), "what lies long back is not saved"


def test_who_was_away_is_asked_once_there_is_time_and_a_suspect_at_once() -> None:
    same = Sameness({"serial": "A"})
    same.settled(0.0)
    assert same.heard(1.0, 1.0, who=False) is False
    assert same.heard(40.0, 1.0, who=False, may=False) is False
    assert not same.due(40.0, 1.0, between=True, may=False)
    assert same.due(41.0, 1.0, between=True)
    same.settled(41.0)
    assert not same.due(41.0 + MARK_EVERY_S + 1, 1.0, between=True, may=False)
    same.doubt(100.0)
    assert same.due(100.0, 1.0, between=False, may=False), "a new connection waits for nothing"
