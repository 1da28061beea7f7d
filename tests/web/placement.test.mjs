// Another placement of servers and terminals, from the first login to traffic: SITE names the sample.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { test } from "node:test";
import { apply, file, firstLogin, keep, on, PAGE, SCREENSHOTS, site, status, withPage, write } from "./clerk.mjs";

const { SITE, LAB_TERMINAL_GLOBAL: TERMINAL } = process.env;

test(`a new box gets ${SITE}, and the office reaches the platform`, () =>
  withPage({}, async (page) => {
    const { site: written, profile } = site(SITE);
    // The lab's wires have no speed that could be fixed.
    const design = written.replace(/^(speed|duplex) = .*\n/gm, "");
    const [, address] = design.match(/^\[interface\.maintenance\]\n(?:.*\n)*?address = "([\d.]+)\//m);
    const there = `https://${address}/`;
    await firstLogin(page);
    await page.goto(`${PAGE}#/design`);
    await page.getByLabel("接続情報のファイルを選ぶ").setInputFiles(file("platform-profile.toml", profile));
    await write(page, PAGE, design);
    await page.getByText("確かめました").waitFor();
    await apply(page, 120);
    await page.getByRole("link", { name: "すぐに移る" }).click();
    await page.waitForURL((url) => url.href.startsWith(there));
    await page.getByRole("navigation", { name: "メニュー" }).waitFor();
    const kept = await status();
    assert.deepEqual([kept.generation, kept.awaiting], [1, undefined]);
    assert.equal(`${SITE.at(0)}-${kept.site.placement}`, SITE);
    const seen = await on("terminal", "curl", "-sS", "--max-time", "20", "http://100.72.1.10/source");
    assert.equal(seen.trim(), TERMINAL);
    await page.goto(`${there}#/status`);
    await page.getByText("使用中").first().waitFor();
    await keep(page, `placement-${SITE}`);

    // The sheet that goes to the operator's hearing.
    await page.goto(`${there}#/design/print`);
    await page.getByText(TERMINAL).first().waitFor();
    const paper = await page.pdf({ format: "A4" });
    await writeFile(`${SCREENSHOTS}/sheet-${SITE}.pdf`, paper);
    assert.ok(paper.length > 10_000, `${paper.length} bytes of paper`);
  }));
