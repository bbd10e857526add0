/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The demo page in a Chromium, against the module: what "make run" serves, on
 * a port of its own.  CHROMIUM names the browser.  Time is the real one; each
 * step waits for what has to happen, and fails if it does not within 20 s.
 * Pictures of what there was to see are in build/client/screenshots.
 */


import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';
import type {
    Browser, BrowserContextOptions, Locator, Page
} from 'playwright-core';

import { children, freePort, sign } from './module.js';


const LIMIT = 20000;

const root = resolve('..');
const name = 'client-page';
const directory = `${root}/build/${name}`;
const screenshots = `${root}/build/client/screenshots`;

let url = '';
let key = '';
let browser: Browser;
let run: ChildProcess | undefined;


before(async () => {
    const port = await freePort();

    rmSync(screenshots, { recursive: true, force: true });
    mkdirSync(screenshots, { recursive: true });

    run = spawn(`${root}/t/util/run`, {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, PORT: String(port), RUN_NAME: name, REDIS: '0' }
    });

    /* should this process be ended by something else than the last test */
    process.on('exit', () => void run?.kill('SIGTERM'));

    let printed = '';

    for await (const text of run.stdout!) {
        printed += text;

        if (printed.includes('Ctrl-C')) {
            break;
        }
    }

    assert.match(printed, /Ctrl-C/, 'it runs');
    assert.doesNotMatch(printed, /the plain one/, 'with the built page');

    url = `http://127.0.0.1:${port}/`;
    key = readFileSync(`${directory}/jwt.key`, 'utf8').trim();

    browser = await chromium.launch({
        executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
        args: process.getuid?.() === 0 ? ['--no-sandbox'] : []
    });
});


after(async () => {
    await browser?.close();

    if (run !== undefined && run.exitCode === null) {
        run.kill('SIGTERM');
        await once(run, 'exit');
    }

    const log = readFileSync(`${directory}/logs/error.log`, 'utf8');

    assert.doesNotMatch(log, /\[(alert|emerg|crit)\](?!.*exited on signal 9)/);
});


/* one of the two, as the page shows them */

class Person {

    readonly pane: Locator;
    readonly input: Locator;
    readonly log: Locator;
    readonly news: Locator;
    readonly banner: Locator;
    readonly typing: Locator;
    readonly rows: Locator;

    constructor(readonly page: Page, n = 0) {
        this.pane = page.locator('.pane').nth(n);
        this.input = this.pane.locator('.input');
        this.log = this.pane.locator('.log');
        this.news = this.pane.locator('.news');
        this.banner = this.pane.locator('.banner');
        this.typing = this.pane.locator('.typing');
        this.rows = this.pane.locator('.row');
    }

    async say(text: string): Promise<void> {
        await this.input.fill(text);
        await this.input.press('Enter');
    }

    row(text: string): Locator {
        return this.rows.filter({ hasText: text });
    }

    has(text: string): Promise<void> {
        return this.row(text).first().waitFor();
    }

    /* one tick or two, of a message of ours */

    tick(text: string, kind: 'sent' | 'read' | 'sending'): Promise<void> {
        return this.row(text).locator(`.tick.${kind}`).waitFor();
    }

    state(state: string): Promise<void> {
        return this.pane.and(this.page.locator(`[data-state="${state}"]`))
                   .waitFor();
    }

    /* frames that went in or out, and have this in them */

    frames(way: 'in' | 'out', text: string): Locator {
        return this.pane.locator(`.wire .${way}`).filter({ hasText: text });
    }

    texts(): Promise<string[]> {
        return this.rows.locator('.content').allTextContents();
    }
}


interface Scene {
    person(user?: 1 | 2, options?: BrowserContextOptions,
           config?: string): Promise<Person>;
    shot(person: Person, title?: string): Promise<void>;
}


/*
 * A test with windows: person() opens one, for a user, or for both without;
 * a config is served in place of config.js.
 */

function scene(title: string, play: (scene: Scene) => Promise<void>): void {
    test(title, async () => {
        const pages: Page[] = [];
        const errors: string[] = [];

        const picture = title.replace(/[^a-z]+/gi, '-');

        const person = async (user?: 1 | 2, options: BrowserContextOptions = {},
                              config?: string): Promise<Person> => {
            const context = await browser.newContext({
                viewport: { width: user === undefined ? 1100 : 480,
                            height: 720 },
                ...options
            });

            const page = await context.newPage();

            pages.push(page);
            page.setDefaultTimeout(LIMIT);
            page.on('pageerror', (error) => errors.push(String(error)));

            page.on('console', (message) => {
                if (message.text().includes('Content Security Policy')) {
                    errors.push(message.text());
                }
            });

            if (config !== undefined) {
                await page.route('**/config.js', (route) => route.fulfill({
                    contentType: 'text/javascript', body: config
                }));
            }

            await page.goto(user === undefined ? url : `${url}?user=${user}`);

            const opened = new Person(page);

            if (config === undefined) {
                await opened.state('connected');
            }

            return opened;
        };

        const shot = async ({ page }: Person, more = ''): Promise<void> => {
            await page.screenshot({
                path: `${screenshots}/${picture}${more}.png`
            });
        };

        try {
            await play({ person, shot });
            assert.deepEqual(errors, []);

        } catch (error) {
            await Promise.all(pages.map((page, n) => page.screenshot({
                path: `${screenshots}/failed-${picture}-${n}.png`
            }).catch(() => {})));

            throw error;

        } finally {
            await Promise.all(pages.map((page) => page.context().close()));
        }
    });
}


/* a backend says it to all */

async function publish(frame: object): Promise<void> {
    const { ok } = await fetch(`${url}publish/1`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(frame)
    });

    assert.ok(ok, 'published');
}


function pushed(id: number, content: string): object {
    return {
        type: 'new_message',
        message: {
            id, content, conversation_id: 1, image: null, is_read: false,
            read_at: null, created_at: new Date().toISOString(),
            sender: { id: 9, name: 'Shell' }
        }
    };
}


/* a config.js with Ann alone, whose token is what this expression says */

function ann(token: string): string {
    return `window.messagingDemo = { conversation: 1, users: [
        { id: 1, name: 'Ann', get token() { return ${token}; } }
    ] };`;
}


/*
 * A headless browser never hides a tab: the page is told so.  It is how
 * browsers say it, in this order.
 */

async function show({ page }: Person, state: 'hidden' | 'visible') {
    await page.evaluate((value) => {
        Object.defineProperty(document, 'visibilityState',
                              { configurable: true, get: () => value });
        document.dispatchEvent(new Event('visibilitychange'));
    }, state);
}


scene('two windows', async ({ person, shot }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);

    await a.say('Hello Bob');
    await b.has('Hello Bob');
    assert.equal(await b.row('Hello Bob').locator('.sender').textContent(),
                 'Ann');

    /* Bob has not looked at it yet */
    await a.tick('Hello Bob', 'sent');
    await b.input.click();
    await a.tick('Hello Bob', 'read');

    await b.input.pressSequentially('writ');
    await a.typing.locator('.dots').waitFor();
    assert.equal(await a.typing.textContent(), 'Bob is typing');
    assert.equal(await a.typing.getAttribute('aria-live'), 'polite');
    await shot(a, '-typing');

    /* who has sent does not type any more */
    await b.input.pressSequentially('ten');
    await b.input.press('Enter');
    await a.has('written');
    assert.equal(await a.typing.textContent(), '');

    /* nor does one who pauses */
    await b.input.pressSequentially('then');
    await a.typing.locator('.dots').waitFor();
    await a.typing.locator('.dots').waitFor({ state: 'detached' });

    await a.pane.locator('.picture').click();
    await b.pane.locator('img.image').waitFor();
    await b.page.waitForFunction(() =>
        document.querySelector<HTMLImageElement>('img.image')!
                .naturalWidth > 0);

    assert.deepEqual(await a.texts(), ['Hello Bob', 'written']);
    assert.deepEqual(await b.texts(), ['Hello Bob', 'written']);
    assert.ok(await a.banner.isHidden());
    await shot(b);
});


scene('both beside each other', async ({ person, shot }) => {
    const a = await person();
    const b = new Person(a.page, 1);

    await b.state('connected');

    /* by keyboard alone */
    await a.input.focus();
    await a.page.keyboard.type('One line');
    await a.page.keyboard.press('Shift+Enter');
    await a.page.keyboard.type('and another');
    await a.page.keyboard.press('Enter');
    await b.has('another');
    assert.deepEqual(await b.texts(), ['One line\nand another']);

    await a.pane.locator('summary').click();
    await b.frames('in', '"new_message"').first().waitFor(
        { state: 'attached' });
    await a.frames('out', '"message"').waitFor();
    await b.input.focus();
    await a.tick('another', 'read');
    await shot(a, '-light');

    await a.page.emulateMedia({ colorScheme: 'dark' });
    await shot(a, '-dark');
});


scene('on a phone', async ({ person, shot }) => {
    const b = await person(2, { viewport: { width: 375, height: 667 },
                                isMobile: true, hasTouch: true });
    const a = await person(1);

    await a.say(`a word that is too long: ${'x'.repeat(200)}`);
    await b.has('too long');
    await b.input.tap();
    await a.tick('too long', 'read');
    assert.ok(await b.page.evaluate(() =>
        document.documentElement.scrollWidth <= 375));

    /* what it says of itself alone is not the link to that */
    const [text, link] = await b.page.evaluate(() =>
        ['.content', 'a.alone'].map((name) =>
            getComputedStyle(document.querySelector(name)!).color));

    assert.notEqual(text, link);
    await shot(b);
});


scene('one message is there once', async ({ person }) => {
    const b = await person(2);

    await publish(pushed(501, 'by a backend'));
    await publish(pushed(501, 'by a backend'));
    await publish(pushed(502, 'the next'));
    await b.has('the next');

    assert.equal(await b.frames('in', 'by a backend').count(), 2);
    assert.deepEqual(await b.texts(), ['by a backend', 'the next']);
});


scene('a reader who has scrolled up', async ({ person, shot }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);

    for (let i = 1; i <= 30; i++) {
        await publish(pushed(600 + i, `line ${i} of many`));
    }

    await b.has('line 30');

    const place = () => b.log.evaluate((el) => [
        el.scrollTop, el.scrollHeight - el.clientHeight - el.scrollTop
    ]) as Promise<[number, number]>;

    /* who is at the end follows it */
    assert.ok((await place())[0] > 500);
    assert.ok((await place())[1] < 2);
    assert.ok(await b.news.isHidden());

    /* focused, so that only the place keeps it from being read */
    await b.input.click();
    await b.log.hover();
    await b.page.mouse.wheel(0, -400);
    await b.page.waitForFunction((top) =>
        document.querySelector('.log')!.scrollTop < top, (await place())[0]);
    /* a wheel may turn smoothly: until it has come to rest */
    await b.page.waitForFunction(() => {
        const log = document.querySelector<HTMLElement>('.log')!;
        const rests = log.dataset.top === String(log.scrollTop);

        log.dataset.top = String(log.scrollTop);
        return rests;
    }, null, { polling: 200 });

    const [top] = await place();
    const reads = await b.frames('out', '"read"').count();

    /* what was there before is nothing new */
    await publish(pushed(630, 'line 30 of many'));
    await a.say('below the fold');
    await b.has('below the fold');
    await b.news.waitFor();
    assert.equal(await b.news.textContent(), '1 new message ↓');
    await a.say('and one more');
    await b.has('and one more');
    assert.equal(await b.news.textContent(), '2 new messages ↓');
    assert.equal((await place())[0], top, 'nothing has moved');
    await shot(b);

    /* not seen is not read */
    assert.equal(await b.frames('out', '"read"').count(), reads);
    await a.tick('one more', 'sent');
    await b.news.click();
    await b.news.waitFor({ state: 'hidden' });
    await a.tick('one more', 'read');
    await a.tick('below the fold', 'read');
    assert.ok((await place())[1] < 2);
});


scene('all workers are killed', async ({ person, shot }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);
    const master = Number(readFileSync(`${directory}/nginx.pid`, 'utf8'));

    await a.say('before');
    await b.has('before');

    /* no new ones until it is said */
    process.kill(master, 'SIGSTOP');

    try {
        children(master).forEach((pid) => process.kill(pid, 'SIGKILL'));

        for (const one of [a, b]) {
            await one.banner.waitFor();
            assert.equal(await one.banner.textContent(), 'Reconnecting…');
        }

        await a.say('meanwhile');
        await a.tick('meanwhile', 'sending');
        await shot(a);

    } finally {
        process.kill(master, 'SIGCONT');
    }

    await b.state('connected');
    await a.state('connected');
    assert.ok(await a.banner.isHidden());
    await a.tick('meanwhile', 'sent');

    /* Bob may have come later than that, and a page has no history */
    await a.say('after');
    await b.has('after');
    assert.deepEqual(await a.texts(), ['before', 'meanwhile', 'after']);
    assert.equal(await b.row('before').count(), 1);
});


scene('a reload of the page', async ({ person }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);

    await a.say('before');
    await b.has('before');
    await b.page.reload();
    await b.state('connected');
    await a.say('after');
    await b.has('after');
    await b.say('I see');
    await a.has('I see');

    assert.deepEqual(await b.texts(), ['after', 'I see']);
    assert.deepEqual(await a.texts(), ['before', 'after', 'I see']);
});


scene('a reload of nginx', async ({ person }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);
    const master = Number(readFileSync(`${directory}/nginx.pid`, 'utf8'));

    await a.say('before');
    await b.has('before');

    /* each connection begins with a ping */
    const pings = await b.frames('out', '"ping"').count();

    process.kill(master, 'SIGHUP');

    for (const one of [a, b]) {
        await one.frames('out', '"ping"').nth(pings).waitFor(
            { state: 'attached' });
        await one.state('connected');
    }

    await a.say('after');
    await b.has('after');
    assert.deepEqual(await b.texts(), ['before', 'after']);
});


scene('a token that is renewed', async ({ person }) => {
    const a = await person(1, {}, `
        let asked = 0;
        ${ann(`asked++ === 0 ? '${sign(key, 1, 'Ann', 8)}'
                             : '${sign(key, 1, 'Ann', 3600)}'`)}`);

    await a.state('connected');
    await a.frames('in', '"auth_ok"').waitFor({ state: 'attached' });
    assert.equal(await a.frames('out', '"ping"').count(), 1,
                 'it is the same connection');

    /* and none is shown */
    const [shown] = await a.frames('out', '"auth"').allTextContents();

    assert.match(shown ?? '', /"token":"…"/);
});


scene('a token that has expired', async ({ person }) => {
    /* it stays the old one while the connection lives: the server ends it */
    const a = await person(1, {}, `
        let fresh = false;
        ${ann(`fresh ? '${sign(key, 1, 'Ann', 3600)}'
                     : '${sign(key, 1, 'Ann', 6)}'`)}

        const Native = WebSocket;
        window.codes = [];
        window.WebSocket = class extends Native {
            constructor(...args) {
                super(...args);
                this.addEventListener('close', ({ code }) => {
                    window.codes.push(code);
                    fresh = true;
                }, { once: true });
            }
        };`);

    await a.state('connected');
    await a.page.waitForFunction(() => (window as any).codes.length > 0);
    await a.frames('out', '"ping"').nth(1).waitFor({ state: 'attached' });
    await a.state('connected');
    assert.deepEqual(await a.page.evaluate(() => (window as any).codes),
                     [4001]);
    assert.ok(await a.banner.isHidden());
});


scene('a token that nobody takes', async ({ person, shot }) => {
    const a = await person(1, {}, `
        let good = '';
        window.signIn = (token) => { good = token; };
        ${ann(`good || 'not.a.token'`)}`);

    await a.state('failed');
    assert.equal(await a.banner.textContent(), 'Real-time updates unavailable.'
                                               + ' Messages may be delayed.');
    await shot(a);

    /* the tab comes back, and with it another try */
    await a.page.evaluate((token) => (window as any).signIn(token),
                          sign(key, 1, 'Ann', 3600));
    await show(a, 'hidden');
    assert.equal(await a.pane.getAttribute('data-state'), 'failed');
    await show(a, 'visible');
    await a.state('connected');
    assert.ok(await a.banner.isHidden());
});


scene('offline and online', async ({ person, shot }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);

    await a.page.context().setOffline(true);
    await a.state('disconnected');
    assert.equal(await a.banner.textContent(), 'Reconnecting…');
    await a.say('from the train');
    await a.tick('from the train', 'sending');
    await shot(a);

    await a.page.context().setOffline(false);
    await a.state('connected');
    await a.tick('from the train', 'sent');
    await b.has('from the train');
    await b.say('welcome back');
    await a.has('welcome back');
    assert.deepEqual(await a.texts(), ['from the train', 'welcome back']);
    assert.deepEqual(await b.texts(), ['from the train', 'welcome back']);
});


scene('a tab that is hidden', async ({ person }) => {
    const [a, b] = await Promise.all([person(1), person(2)]);

    await b.input.click();
    await show(b, 'hidden');
    await a.say('are you there?');
    await b.has('are you there?');

    /* Bob's page has had the time to say that it was read */
    await publish(pushed(701, 'the next'));
    await b.has('the next');
    await a.tick('are you there?', 'sent');
    assert.equal(await b.frames('out', '"read"').count(), 0);

    const pings = await b.frames('out', '"ping"').count();

    await show(b, 'visible');
    await a.tick('are you there?', 'read');

    /* it may have slept: is the connection alive? */
    assert.equal(await b.frames('out', '"ping"').count(), pings + 1);
    await b.frames('in', '"pong"').nth(pings).waitFor({ state: 'attached' });
});


scene('fallback to polling and back', async ({ person }) => {
    const { page } = await person(1);
    const kept = [(pushed(801, 'from the history') as any).message];

    let fetches = 0;

    writeFileSync(`${directory}/html/chat.html`, `<!DOCTYPE html>
        <ol id="log"></ol><script type="module" src="chat.js"></script>`);

    writeFileSync(`${directory}/html/chat.js`, `
        import { openConversation } from './client/index.js';

        const api = async (init) =>
            (await fetch('/api/messages', init)).json();

        const chat = openConversation({
            conversation_id: 1,
            token: () => window.signedIn ?? null,
            fetchMessages: () => api(),
            sendMessage: (message) => api({
                method: 'POST', body: JSON.stringify(message)
            }),
            poll: { messages: 200 }
        });

        chat.onChange(() => log.replaceChildren(
            ...chat.messages.map(({ content }) => {
                const li = document.createElement('li');
                li.textContent = content;
                return li;
            })));

        chat.connect();
        window.chat = chat;
    `);

    await page.route('**/api/messages', async (route) => {
        if (route.request().method() === 'GET') {
            fetches++;
            await route.fulfill({ json: kept });
            return;
        }

        const { content, client_id } = route.request().postDataJSON();
        const { message } = pushed(800 + kept.length + 1, content) as any;

        message.sender = { id: 1, name: 'Ann' };
        message.client_id = client_id;
        kept.push(message);
        await route.fulfill({ json: message });
    });

    const row = (text: string) => page.locator('li', { hasText: text });
    const via = (text: string) => page.evaluate(async (content) =>
        (await (window as any).chat.send(content)).via, text);

    await page.goto(`${url}chat.html`);
    await page.waitForFunction(() =>
        (window as any).chat?.state === 'failed');
    await row('from the history').waitFor();

    assert.equal(await via('by REST'), 'rest');
    kept.push((pushed(803, 'polled') as any).message);
    await row('polled').waitFor();

    /* the network returns, and somebody has signed in */
    await page.evaluate((token) => {
        (window as any).signedIn = token;
        window.dispatchEvent(new Event('online'));
    }, sign(key, 1, 'Ann', 3600));

    await page.waitForFunction(() =>
        (window as any).chat.state === 'connected');

    assert.equal(await via('by the socket'), 'websocket');
    await publish(pushed(804, 'live'));
    await row('live').waitFor();

    /* what was asked before that has come; five times as long as it polled */
    const before = fetches;

    await page.evaluate(() => new Promise((done) => setTimeout(done, 1000)));
    assert.ok(fetches <= before + 1, 'it has stopped');

    assert.deepEqual(await page.locator('li').allTextContents(),
                     ['from the history', 'by REST', 'polled',
                      'by the socket', 'live']);
});
