"""The limits of an account of the lowest tier, run into by ccxt and by python-kraken-sdk.

limits.py SIM_JSON NUMBER: needs a simulator whose accounts are of the tier Starter, and two accounts from NUMBER on. ccxt's own
brake is off, which would keep it from ever meeting a limit.
"""

import asyncio
import time

import ccxt
from checks import Checks, refused, same, simulator
from kraken import exceptions
from kraken.spot import SpotClient, Trade, User

check = Checks("limits, Starter")
SYMBOL = "BTC/USD"
# The REST counter holds 15, a balance costs 1; the trading counter holds 60, and an order and its cancel at once cost 1 and 8.
REST_CALLS = 15
ORDERS = 6


def ccxt_client(sim, account):
    kraken = ccxt.kraken({"apiKey": account["key"], "secret": account["secret"], "enableRateLimit": False})
    kraken.urls["api"]["public"] = kraken.urls["api"]["private"] = sim["rest"]
    kraken.load_markets()
    return kraken


def count_until_refused(kind, text, call, most):
    """How often the call went through before it was refused, in these words."""
    for done in range(most):
        try:
            call()
        except kind as error:
            assert type(error) is kind and text in str(error), error
            return done
    raise AssertionError(f"{most} calls and no {text}")


@check
def trading_counter_by_ccxt(kraken, sdk):
    def place_and_cancel():
        order = kraken.create_order(SYMBOL, "limit", "buy", 0.001, 50_000)
        kraken.cancel_order(order["id"])

    done = count_until_refused(ccxt.DDoSProtection, "EOrder:Rate limit exceeded", place_and_cancel, 20)
    # Six pairs are 54 of 60; the cancel of the seventh is over. What decays while that runs may allow one more.
    assert ORDERS <= done <= ORDERS + 1, done


@check
def trading_counter_is_kept_for_each_pair(kraken, sdk):
    kraken.create_order("ETH/USD", "limit", "buy", 0.01, 1_000)


@check
def rest_counter_by_ccxt(kraken, sdk):
    done = count_until_refused(ccxt.DDoSProtection, "EAPI:Rate limit exceeded", kraken.fetch_balance, 40)
    assert REST_CALLS - 1 <= done <= REST_CALLS + 1, done


@check
def rest_counter_by_the_sdk(kraken, sdk):
    user, _ = sdk
    kind = exceptions.KrakenApiLimitExceededError
    done = count_until_refused(kind, "EAPI:Rate limit exceeded", user.get_account_balance, 40)
    assert REST_CALLS - 1 <= done <= REST_CALLS + 1, done


@check
def orders_cost_nothing_at_the_rest_counter(kraken, sdk):
    _, trade = sdk
    trade.create_order(ordertype="limit", side="buy", pair="XBTUSD", volume="0.001", price="50000")


@check
def trading_counter_by_the_sdk(kraken, sdk):
    _, trade = sdk

    def place_and_cancel():
        (order,) = trade.create_order(ordertype="limit", side="buy", pair="XBTUSD", volume="0.001", price="50000")["txid"]
        trade.cancel_order(txid=order)

    kind = exceptions.KrakenRateLimitExceededError
    done = count_until_refused(kind, "EOrder:Rate limit exceeded", place_and_cancel, 20)
    assert ORDERS <= done <= ORDERS + 1, done


@check
def rest_counter_decays(kraken, sdk):
    # 0.33 a second, and asking in between would prolong it: there is nothing to wait for but the time.
    time.sleep(4)
    kraken.fetch_balance()
    with refused(ccxt.DDoSProtection, "EAPI:Rate limit exceeded"):
        kraken.fetch_balance()


def main():
    sim, first = simulator()
    same({account["tier"] for account in sim["accounts"]}, {"starter"})
    second = sim["accounts"][sim["accounts"].index(first) + 1]
    SpotClient.URL = sim["rest"]
    key = {"key": second["key"], "secret": second["secret"]}
    asyncio.run(check.run(ccxt_client(sim, first), (User(**key), Trade(**key))))


main()
