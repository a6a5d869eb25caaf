"""Settings → Retention → People: what is shown of it, who changes it, and what is told before something is taken away."""

from __future__ import annotations

import httpx

from remit.app import App
from remit.keeping.rules import list_rules
from tests.graph.conftest import row
from tests.keeping.test_events import applied, came

PATH = "/settings/retention/data"


async def test_nothing_is_taken_away_by_who_has_not_seen_what(app: App, browser: httpx.AsyncClient) -> None:
    await came(app.store, *(row(f"v{n}", 900, email="ann@x.example", kind="page_view") for n in range(3)))
    assert "All that is known of people is kept" in (await browser.get(PATH)).text
    fields = {"what": "interactions", "kind": "page_view", "lasts": "13", "unit": "w"}
    looked = await browser.post(PATH, data={**fields, "look": "yes"})
    assert looked.status_code == 200
    assert "<strong>3</strong> for good" in looked.text
    unsure = await browser.post(PATH, data=fields)
    assert unsure.status_code == 422
    assert 'id="wrong-sure"' in unsure.text
    assert await list_rules(app.store) == []
    assert (await browser.post(PATH, data={**fields, "sure": "yes"})).status_code == 303
    page = (await browser.get(PATH, params=fields)).text
    assert "13 weeks" in page
    assert 'name="lasts" value="13"' in page
    await applied(app.store)
    page = (await browser.get(PATH)).text
    assert "Of what happened before" in page
    assert "interactions of page_view kept 13w" in (await browser.get("/settings/retention")).text
    await browser.post(PATH + "/remove", data={"what": "interactions", "kind": "page_view"})
    assert await list_rules(app.store) == []


async def test_a_mistake_is_told_at_its_field(browser: httpx.AsyncClient) -> None:
    for fields, field in (
        ({"what": "interactions", "lasts": "1", "unit": "d"}, "lasts"),
        ({"what": "interactions", "lasts": "many"}, "lasts"),
        ({"what": "people", "kind": "visit", "lasts": "9"}, "kind"),
        ({"what": "everything", "lasts": "9"}, "what"),
    ):
        answer = await browser.post(PATH, data=fields)
        assert answer.status_code == 422
        assert f'id="wrong-{field}"' in answer.text
