// The reference, as whoever reads it has it: every operation opened, and nothing allowed but what the policy names by hash.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json, open } from './look.mjs';

const described = await json('/openapi.json');
const operations = Object.values(described.paths).flatMap((path) => Object.values(path)).filter(({ operationId }) => operationId);

test('every operation tells its reader its permission, its audit events and its controls', async () => {
  assert.ok(operations.length > 20);
  const { page, told, close } = await open('/docs');
  await page.locator('.opblock').nth(operations.length - 1).waitFor();
  const shown = new Map();
  for (const operation of await page.locator('.opblock').all()) {
    const toggle = operation.locator('.opblock-summary-control');
    const text = (part) => operation.locator(part).innerText();
    await toggle.dispatchEvent('click');
    const lines = (await text('.opblock-description')).split('\n');
    shown.set(await text('.opblock-summary-operation-id'), { summary: await text('.opblock-summary-description'), lines });
    await toggle.dispatchEvent('click'); // all of them open are slow
  }
  assert.equal(shown.size, operations.length);
  for (const { operationId, summary, 'x-ward': promised } of operations) {
    const operation = shown.get(operationId) ?? assert.fail(`${operationId} is not shown`);
    const line = (name) => operation.lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const list = (name) => line(name)?.replace(/ \([^)]*\)/g, '').split(', ');
    const nothing = promised.public ? 'none, it is public' : 'none but a good credential';
    assert.equal(operation.summary, summary);
    assert.equal(line('Permission'), promised.permission ?? nothing, operationId);
    assert.deepEqual(list('Audit events'), promised.audit.length ? promised.audit : ['none'], operationId);
    assert.deepEqual(list('Controls'), promised.controls.length ? promised.controls : ['none'], operationId);
  }
  assert.deepEqual(told, []);
  await close();
});

test('its policy allows scripts and styles by hash alone', async () => {
  const { page, answer, close } = await open('/docs');
  const policy = new Map(answer.headers()['content-security-policy'].split('; ').map((part) => [part.split(' ')[0], part.split(' ').slice(1)]));
  assert.deepEqual(policy.get('default-src'), ["'none'"]);
  for (const directive of ['script-src', 'style-src'])
    assert.ok(policy.get(directive).every((source) => /^'sha256-[^']+'$/.test(source)), policy.get(directive));
  assert.equal(await page.title(), 'Ward: API reference');
  await close();
});

test('what the policy does not name does not run, so that the tests above can fail', async () => {
  const { page, told, close } = await open('/docs');
  await page.evaluate(() => document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = true' })));
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.match(told.join('\n'), /script-src-elem forbids inline/);
  await close();
});
