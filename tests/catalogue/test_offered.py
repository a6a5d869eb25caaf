"""What is written in a browser names no code, file, variable, program or address of the server that is not offered there."""

from __future__ import annotations

import sys

import pytest

from remit import library
from remit.app import App
from remit.catalogue import work

BEYOND = {
    "tools: ['antigravity:TOOLS']": "tools.1",
    "tools: [tests.agents.world]": "tools.1",
    "tools: [files.*, 'remit.tools.shell:shell_run']": "tools.2",
    "checks: [{name: a, code: 'os:getcwd'}]": "checks.1.code",
    "resources: {x: $HOME}": "resources.x",
    "resources: {x: 'env:HOME'}": "resources.x",
    "resources: {x: 'file:/etc/passwd'}": "resources.x",
    "resources: {x: 'secret:CRM_KEY'}": "resources.x",
    "resources: {x: 'remit:shop'}": "resources.x",
    "connections: {x: {mcp: 'touch /tmp/x'}}": "connections.x",
    "connections: {x: {http: 'https://evil.example', headers: {Authorization: 'secret:CRM_KEY'}}}": "connections.x",
    "model: 'scripted:/etc/passwd'": "model",
    "model: 'replay:/etc/passwd'": "model",
    "model: 'http://169.254.169.254/v1#x'": "model",
    "model: [auto, 'https://evil.example/v1#x']": "model",
    "guardian: {model: 'http://evil.example/v1#x'}": "guardian.model",
    "reading: airlock\nairlock: {model: 'scripted:x'}": "airlock.model",
    "team: [{name: member, tools: [tests.agents.world]}]": "team.1.tools.1",
}  # fmt: skip


@pytest.mark.parametrize("spec", BEYOND)
async def test_a_browser_adds_none_of_what_only_a_file_may_name(app: App, spec: str) -> None:
    sys.modules.pop("antigravity", None)
    with pytest.raises(work.Unusable) as caught:
        await work.save(app, "desk", f"name: desk\n{spec}\n", "ann", None, browser=True)
    assert str(caught.value).startswith(f"{BEYOND[spec]}: ")
    assert "antigravity" not in sys.modules


async def test_a_browser_offers_tools_models_and_all_that_narrows(app: App) -> None:
    text = """\
name: desk
model: [auto, "anthropic:claude-sonnet-5-5"]
tools: [files.*, http_get, sheet]
team: [assistant]
guardian: {watch: money}
reading: airlock
remit: {destinations: [example.org]}
checks: [{name: a, rubric: it is polite}, {name: b, python: "len(report) > 0"}]
rules: [{tool: http_get, ask: "true"}]
"""
    assert (await work.save(app, "desk", text, "ann", None, browser=True)).state == "draft"


async def test_what_the_library_or_the_agent_itself_had_before_stays_and_goes_no_further(app: App) -> None:
    support = library.agents()["support"].read_text()
    made = await work.save(app, "support", support, "ann", None, browser=True)
    one_tool = "name: mine\ntools: ['remit.library.support.tools:get_order']\n"
    await work.save(app, "mine", one_tool, "ann", None, browser=True)
    await work.save(
        app, "support", support.replace("plan: false", "plan: true"), "ann", made.rev, browser=True
    )
    own = "name: own\ntools: [tests.agents.world]\nresources: {x: $HOME}\n"
    brought = await work.save(app, "own", own, "ann", None)
    changed = await work.save(app, "own", own + "plan: false\n", "bo", brought.rev, browser=True)
    with pytest.raises(work.Unusable, match=r"resources\.x"):
        await work.save(app, "own", own.replace("$HOME", "$PATH"), "bo", changed.rev, browser=True)
    with pytest.raises(work.Unusable, match=r"tools\.1"):
        await work.save(app, "other", own.replace("own", "other"), "bo", None, browser=True)
    await work.publish(app, "own", "bo", changed.rev)
    await work.save(app, "lead", "name: lead\nteam: [own]\n", "bo", None, browser=True)
