// The trust page, as whoever opens it has it: in either colour scheme, on a telephone, with a keyboard, without script, on paper.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { audit, json, open } from './look.mjs';

const { title, claims } = await json('/trust.json');
const words = (text) => text.replace(/\s+/g, ' ').trim();
const rows = (page) => page.locator('.claim').evaluateAll((all) => all.map(({ id, innerText: text, classList }) => [id, { text, green: classList.contains('good') }]));

test('axe finds nothing wrong in either colour scheme, on a screen and on a telephone', async () => {
  const { page, close } = await open('/trust', { bypassCSP: true }); // axe is a script
  for (const colorScheme of ['light', 'dark'])
    for (const width of [1280, 320]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      const { passed, found } = await audit(page);
      assert.deepEqual(found, [], `${colorScheme}, ${width} pixels wide`);
      assert.ok(passed > 20, `only ${passed} rules had anything to look at`);
    }
  await close();
});

test('nothing runs, nothing is fetched, nothing is against the policy', async () => {
  const { page, answer, told, close } = await open('/trust');
  const requests = [];
  page.on('request', (request) => requests.push(request.url()));
  await page.reload();
  assert.deepEqual(told, []);
  assert.deepEqual(requests, [page.url()]);
  assert.equal(await page.evaluate(() => document.scripts.length), 0);
  const powers = 'camera clipboard-read display-capture geolocation hid microphone midi payment publickey-credentials-get serial usb'.split(' ');
  const [known, allowed] = await page.evaluate(() => [document.featurePolicy.features(), document.featurePolicy.allowedFeatures()]);
  assert.deepEqual(powers.filter((power) => !known.includes(power) || allowed.includes(power)), []);
  assert.match(answer.headers()['content-security-policy'], /^default-src 'none'; style-src 'sha256-[^' ]+'; /);
  await close();
});

test('without script every row says its sentence, its status, and what stands behind it', async () => {
  const { page, told, close } = await open('/trust', { javaScriptEnabled: false });
  const shown = new Map(await rows(page));
  assert.equal(shown.size, claims.length);
  for (const { id, status, sentence, probe, method, observed, last_run, fresh_until, controls, promises } of claims) {
    const { text, green } = shown.get(id);
    const row = words(text);
    const time = (at) => at && `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
    const until = status === 'failing' ? null : time(fresh_until);
    const parts = [sentence, probe, method, observed, time(last_run), until, ...promises, ...controls.map((control) => control.split(' ').pop())];
    for (const part of parts.filter((part) => part)) assert.ok(row.includes(words(part)), `${id}: ${part} is not in ${row}`);
    const word = { in_progress: 'In progress', roadmap: 'On roadmap' }[status] ?? status[0].toUpperCase() + status.slice(1);
    assert.ok(row.startsWith(word), `${id} is ${status}: ${row}`);
    assert.equal(green, status === 'active', id);
  }
  assert.deepEqual(told, []);
  await close();
});

test('the summary counts what is kept and leads to what is not', async () => {
  const { page, close } = await open('/trust');
  const proven = claims.filter(({ kind }) => kind === 'proven');
  const kept = proven.filter(({ status }) => ['active', 'degraded'].includes(status));
  assert.equal(await page.locator('.summary h2').innerText(), `${kept.length} of ${proven.length} checked promises kept`);
  const wanted = claims.filter(({ status }) => ['failing', 'overdue', 'stale', 'degraded'].includes(status));
  const links = await page.locator('.attention a').evaluateAll((all) => all.map((link) => link.hash.slice(1)));
  assert.deepEqual(links, wanted.map(({ id }) => id));
  await close();
});

test('headings are in order, and the page has a title and a language', async () => {
  const { page, close } = await open('/trust');
  const levels = await page.locator('h1,h2,h3,h4,h5,h6').evaluateAll((all) => all.map((heading) => Number(heading.tagName[1])));
  assert.equal(levels[0], 1);
  assert.ok(levels.length > 3 && levels.slice(1).every((level, n) => level > 1 && level <= levels[n] + 1), levels);
  assert.equal(await page.title(), title);
  assert.equal(await page.locator('h1').innerText(), title);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await close();
});

test('the keyboard reaches every link in order, shows where it is, and every link leads somewhere', async () => {
  const { page, close } = await open('/trust');
  const all = await page.locator('a[href]').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  assert.ok(all.length > claims.length);
  for (const href of all) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => [document.activeElement.getAttribute('href'), getComputedStyle(document.activeElement).outlineStyle]);
    assert.deepEqual(at, [href, 'solid']);
  }
  const lost = await page.evaluate((all) => all.filter((href) => href.startsWith('#') && !document.getElementById(href.slice(1))), all);
  assert.deepEqual(lost, []);
  await close();
});

test('nothing scrolls sideways on a telephone', async () => {
  const { page, close } = await open('/trust', { viewport: { width: 320, height: 640 } });
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.deepEqual([wide, width], [320, 320]);
  await close();
});

test('on paper no word depends on a background, and nothing is lost', async () => {
  const { page, close } = await open('/trust', { colorScheme: 'dark' });
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  assert.equal((await rows(page)).filter(([, { text }]) => text).length, claims.length);
  const paper = await page.locator('body, .status').evaluateAll((all) => [...new Set(all.map((it) => getComputedStyle(it).backgroundColor))]);
  assert.deepEqual(paper, ['rgb(255, 255, 255)', 'rgba(0, 0, 0, 0)']);
  await close();
});
