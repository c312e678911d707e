// A headless Chromium that tells everything a page does, and axe in it. The browser, its driver and axe are in `.ward/tools`.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { after } from 'node:test';

const [, , tools, deployment] = process.argv;
const require = createRequire(`${tools}/package.json`);
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const browser = await require('playwright-core').chromium.launch({
  executablePath: `${tools}/bin/chromium`,
  chromiumSandbox: process.getuid() !== 0,
  args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
after(() => browser.close());

export const origin = new URL(deployment).origin;

export const json = async (path) => (await fetch(origin + path)).json();

// Opens `path` in a browser of its own. `told` is what went wrong by itself: violations of the policy, errors, requests that leave.
export async function open(path, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const told = [];
  const wrong = (message) => message.type() === 'error' || message.text().includes('-Policy header');
  page.on('console', (message) => wrong(message) && told.push(message.text()));
  page.on('pageerror', (error) => told.push(String(error)));
  page.on('request', (request) => new URL(request.url()).origin !== origin && !request.url().startsWith('data:') && told.push(`asks ${request.url()}`));
  await page.exposeFunction('tell', (violation) => told.push(violation));
  await page.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', (event) => tell(`${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`)));
  const answer = await page.goto(origin + path);
  return { page, answer, told, close: () => context.close() };
}

// Runs axe against WCAG 2.2 A and AA and its own best practice, and gives what it found and what it could not decide.
export async function audit(page) {
  if (await page.evaluate(() => !window.axe)) await page.evaluate(axe);
  const values = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { passes, violations, incomplete } = await page.evaluate((values) => window.axe.run({ runOnly: { type: 'tag', values } }), values);
  const brief = ({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)}: ${failureSummary}`)];
  return { passed: passes.length, found: [...violations, ...incomplete].map(brief) };
}
