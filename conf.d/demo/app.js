/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The demo page: one pane per user, each with its own token and connection.
 *
 * config.js, loaded before this file, says who they are:
 *
 *     window.messagingDemo = {
 *         conversation: 1,
 *         users: [{id: 1, name: "Ann", token: "<JWT>"}, ...]
 *     };
 *
 * Text from the network reaches the document through textContent only.
 */


'use strict';


const PING_INTERVAL = 25000;
const PING_TIMEOUT = 10000;
const OPEN_TIMEOUT = 20000;
const BACKOFF_BASE = 1000;
const BACKOFF_MAX = 30000;
const BACKOFF_FLOOR = 200;
const STABLE_AFTER = 5000;

const ACK_TIMEOUT = 15000;
const TYPING_EVERY = 2000;
const TYPING_IDLE = 3000;
const TYPING_SHOWN = 8000;

const MAX_ITEMS = 500;
const MAX_READ_IDS = 100;

const MARKS = {
    queued: ['waiting…', 'waiting for the connection'],
    sending: ['sending…', 'sending'],
    sent: ['✓', 'sent'],
    read: ['✓✓', 'read'],
    failed: ['not sent', 'not sent']
};


/*
 * One WebSocket that comes back by itself: exponential backoff with full
 * jitter, unless the server said that coming back is of no use.
 */

class Connection {

    constructor(url, handlers) {
        this.url = url;
        this.handlers = handlers;
        this.ws = null;
        this.admitted = false;
        this.attempt = 0;
        this.timers = {};
    }

    open() {
        if (this.ws !== null) {
            return;
        }

        this.stop();

        const ws = new WebSocket(this.url);

        ws.onopen = () => this.opened();
        ws.onmessage = (event) => this.received(event.data);
        ws.onclose = (event) => this.lost(event.code, event.reason);

        this.ws = ws;
        this.start('open', OPEN_TIMEOUT,
                   () => this.abandon('no answer to the handshake'));
        this.handlers.state('connecting', {});
    }

    close() {
        const was = this.ws;

        this.stop();
        this.attempt = 0;

        if (was !== null) {
            this.detach();
            was.close(1000, 'bye');
        }

        this.handlers.state('closed', {reason: 'by you'});
    }

    send(frame) {
        if (this.ws === null || this.ws.readyState !== WebSocket.OPEN) {
            return false;
        }

        this.ws.send(JSON.stringify(frame));

        return true;
    }

    /*
     * A refused connection opens too, and is closed with a code that says
     * why; only an answer to the first ping tells that we are in.
     */

    opened() {
        this.stop();
        this.admitted = false;
        this.ping();
    }

    admit() {
        this.admitted = true;

        /* a server that accepts and drops at once must not be hammered */
        this.start('stable', STABLE_AFTER, () => {
            this.attempt = 0;
        });

        this.handlers.state('online', {});
    }

    ping() {
        this.send({type: 'ping'});
        this.start('ping', PING_INTERVAL, () => this.ping());
        this.start('dead', PING_TIMEOUT,
                   () => this.abandon('no answer to a ping'));
    }

    received(data) {
        let frame;

        /* any traffic is a sign of life */
        this.cancel('dead');

        if (!this.admitted) {
            this.admit();
        }

        try {
            frame = JSON.parse(data);

        } catch {
            return;
        }

        if (frame !== null && typeof frame === 'object'
            && typeof frame.type === 'string')
        {
            this.handlers.frame(frame);
        }
    }

    /* the close handshake of a dead connection would take minutes */

    abandon(reason) {
        const was = this.ws;

        this.detach();
        was.close(4000, reason);
        this.lost(4000, reason);
    }

    detach() {
        this.ws.onopen = null;
        this.ws.onmessage = null;
        this.ws.onclose = null;
        this.ws = null;
    }

    lost(code, reason) {
        let delay;

        this.ws = null;
        this.stop();

        if (code === 4001 || code === 4003) {
            this.handlers.state('closed', {code, reason});
            return;
        }

        delay = Math.min(BACKOFF_MAX, BACKOFF_BASE * 2 ** this.attempt);
        delay = BACKOFF_FLOOR + Math.random() * delay;

        this.attempt++;
        this.start('retry', delay, () => this.open());
        this.handlers.state('waiting',
                            {code, reason, until: Date.now() + delay});
    }

    start(name, delay, call) {
        this.cancel(name);
        this.timers[name] = setTimeout(call, delay);
    }

    cancel(name) {
        clearTimeout(this.timers[name]);
        delete this.timers[name];
    }

    stop() {
        Object.keys(this.timers).forEach((name) => this.cancel(name));
    }
}


/* one user's view of the conversation */

class Pane {

    constructor(user, conversation, root) {
        this.user = user;
        this.root = root;
        this.name = user.name;

        this.items = [];
        this.byId = new Map();
        this.byClient = new Map();
        this.unread = [];
        this.typers = new Map();

        this.saidTyping = 0;
        this.idle = null;
        this.countdown = null;
        this.state = 'closed';

        for (const part of ['log', 'label', 'countdown', 'badge', 'toggle',
                            'typing', 'form', 'input'])
        {
            this[`${part}El`] = root.querySelector(`.${part}`);
        }

        root.querySelector('.avatar').textContent = user.name.charAt(0);
        root.querySelector('.name').textContent = user.name;
        root.setAttribute('aria-label', user.name);

        this.logEl.setAttribute('aria-label', `Messages of ${user.name}`);
        this.inputEl.setAttribute('aria-label', `Message as ${user.name}`);

        this.listen();

        this.connection = new Connection(address(conversation, user.token), {
            state: (state, detail) => this.stateChanged(state, detail),
            frame: (frame) => this.frame(frame)
        });

        this.connection.open();
    }

    listen() {
        this.formEl.addEventListener('submit', (event) => {
            event.preventDefault();
            this.submit();
        });

        this.inputEl.addEventListener('keydown', (event) => {
            if (event.key === 'Enter' && !event.shiftKey
                && !event.isComposing)
            {
                event.preventDefault();
                this.submit();
            }
        });

        this.inputEl.addEventListener('input', () => this.typed());
        this.inputEl.addEventListener('blur', () => this.stopTyping());

        this.toggleEl.addEventListener('click', () => {
            if (this.state === 'closed') {
                this.connection.open();

            } else {
                this.connection.close();
            }
        });

        /* a click anywhere in the pane counts as looking at it */

        this.root.tabIndex = -1;

        this.root.addEventListener('focusin', () => this.look());
        this.logEl.addEventListener('scroll', () => this.look());
        document.addEventListener('visibilitychange', () => this.look());
        window.addEventListener('focus', () => this.look());

        window.addEventListener('online', () => {
            if (this.state === 'waiting') {
                this.connection.open();
            }
        });
    }


    /* connection state */

    stateChanged(state, detail) {
        const labels = {
            connecting: 'connecting…',
            online: 'online',
            waiting: 'reconnecting',
            closed: 'closed'
        };

        let text = labels[state];

        clearInterval(this.countdown);
        this.countdownEl.textContent = '';

        this.state = state;
        this.root.dataset.state = state;
        this.toggleEl.textContent =
            (state === 'closed') ? 'Connect' : 'Disconnect';

        if (state === 'closed') {
            text += `: ${why(detail)}`;
        }

        if (state === 'waiting') {
            this.tick(detail);
            this.countdown = setInterval(() => this.tick(detail), 500);
        }

        this.labelEl.textContent = text;

        if (state === 'online') {
            this.flush();
            this.look();
            return;
        }

        this.saidTyping = 0;
        clearTimeout(this.idle);

        this.typers.forEach((typer) => clearTimeout(typer.timer));
        this.typers.clear();
        this.showTyping();

        for (const item of this.items) {
            if (item.state === 'sending') {
                this.fail(item, 'the connection was lost', true, 0);
            }
        }
    }

    tick(detail) {
        const left = Math.max(0, detail.until - Date.now());

        this.countdownEl.textContent =
            `in ${Math.ceil(left / 1000)} s (${why(detail)})`;
    }


    /* frames from the server; types that are not known here are ignored */

    frame(frame) {
        switch (frame.type) {

        case 'new_message':
            this.newMessage(frame);
            break;

        case 'typing_indicator':
            this.typingIndicator(frame);
            break;

        case 'read_receipt':
            this.readReceipt(frame);
            break;

        case 'ack':
            this.ack(frame);
            break;

        case 'nack':
            this.nack(frame);
            break;

        case 'presence':
            this.note(`User ${text(frame.user_id)} is `
                      + (frame.is_online ? 'online' : 'offline'));
            break;

        case 'auth_ok':
            this.note('The token was renewed');
            break;

        case 'subscribed':
        case 'unsubscribed':
            this.note(`${frame.type}: conversation `
                      + text(frame.conversation_id));
            break;

        case 'resync':
            this.note('Some messages may be missing here');
            break;

        case 'error':
            this.note(`Error ${text(frame.code)}: ${text(frame.message)}`);
            break;

        /* a pong was counted as a sign of life already */

        default:
            break;
        }
    }

    newMessage(frame) {
        const message = frame.message;

        if (message === null || typeof message !== 'object') {
            return;
        }

        const sender = message.sender ?? {};
        const own = sender.id === this.user.id;
        const clientKey = keyOf(sender.id, frame.client_id);

        let item = this.byId.get(keyOf(message.id))
                   ?? this.byClient.get(clientKey);

        /* the echo of an own message, or one that was sent twice */

        if (item !== undefined) {
            this.delivered(item, message.id, message.created_at);
            return;
        }

        item = {
            own,
            id: message.id,
            clientKey,
            content: text(message.content),
            image: message.image,
            replyTo: message.reply_to,
            sender: text(sender.name ?? sender.id),
            time: message.created_at ?? new Date().toISOString(),
            state: message.is_read ? 'read' : 'sent'
        };

        this.typingStopped(sender.id);

        if (item.content === '' && typeof item.image !== 'string') {
            return;
        }

        this.add(item);

        if (!own && !message.is_read) {
            this.unread.push(item);
            item.el.classList.add('unread');
            this.look();
        }
    }

    typingIndicator(frame) {
        if (frame.user_id === this.user.id) {
            return;
        }

        this.typingStopped(frame.user_id);

        if (frame.is_typing) {
            this.typers.set(frame.user_id, {
                name: text(frame.name ?? `User ${text(frame.user_id)}`),
                timer: setTimeout(() => this.typingStopped(frame.user_id),
                                  TYPING_SHOWN)
            });

            this.showTyping();
        }
    }

    typingStopped(id) {
        const typer = this.typers.get(id);

        if (typer !== undefined) {
            clearTimeout(typer.timer);
            this.typers.delete(id);
            this.showTyping();
        }
    }

    showTyping() {
        const names = Array.from(this.typers.values(), (typer) => typer.name);

        const verb = (names.length > 1) ? 'are' : 'is';

        this.typingEl.textContent = (names.length === 0) ? ''
            : `${names.join(' and ')} ${verb} typing…`;
    }

    readReceipt(frame) {
        const mine = frame.reader_id === this.user.id;
        const all = frame.message_id === undefined
                    && frame.message_ids === undefined;

        const ids = [].concat(frame.message_id ?? [], frame.message_ids ?? []);
        const keys = new Set(ids.map((id) => keyOf(id)));

        const named = (item) => all || keys.has(keyOf(item.id));

        /* read on another device of this user */

        if (mine) {
            this.markRead(this.unread.filter(named));
            return;
        }

        for (const item of this.items) {
            if (item.own && item.state === 'sent' && named(item)) {
                this.setState(item, 'read');
            }
        }
    }

    ack(frame) {
        const item = this.byClient.get(keyOf(this.user.id, frame.client_id));

        if (item !== undefined) {
            this.delivered(item, frame.id, frame.created_at);
        }
    }

    nack(frame) {
        const item = this.byClient.get(keyOf(this.user.id, frame.client_id));

        if (item !== undefined && item.state === 'sending') {
            this.fail(item, text(frame.code), frame.retry === true,
                      Number(frame.retry_after_ms) || 0);
        }
    }


    /* messages */

    submit() {
        const content = this.inputEl.value.trim();

        if (content === '') {
            return;
        }

        const clientId = randomId();

        this.inputEl.value = '';
        this.stopTyping();

        this.add({
            own: true,
            clientKey: keyOf(this.user.id, clientId),
            frame: {type: 'message', content, client_id: clientId},
            content,
            time: new Date().toISOString(),
            state: 'queued'
        });

        this.logEl.scrollTop = this.logEl.scrollHeight;
        this.flush();
    }

    flush() {
        for (const item of this.items) {
            if (item.state !== 'queued') {
                continue;
            }

            if (!this.connection.send(item.frame)) {
                return;
            }

            this.setState(item, 'sending');

            item.timer = setTimeout(
                () => this.fail(item, 'no answer', true, 0), ACK_TIMEOUT);
        }
    }

    /* an ack and the echo may come in any order, even after a failure */

    delivered(item, id, time) {
        clearTimeout(item.timer);

        item.id = id;
        item.time = time ?? item.time;

        this.index(item);

        if (item.own && item.state !== 'read') {
            this.setState(item, 'sent');
        }
    }

    fail(item, reason, retry, after) {
        clearTimeout(item.timer);

        this.setState(item, 'failed', reason);

        if (!retry) {
            return;
        }

        /* the same client_id: who got it already shows it once */

        const button = element('button', 'retry', 'Retry');

        button.type = 'button';
        button.disabled = after > 0;

        button.addEventListener('click', () => {
            this.setState(item, 'queued');
            this.flush();
        });

        setTimeout(() => {
            button.disabled = false;
        }, after);

        item.metaEl.append(button);
    }

    setState(item, state, reason) {
        const [glyph, label] = MARKS[state];
        const time = new Date(item.time);
        const valid = !Number.isNaN(time.getTime());

        const timeEl = element('time', '', valid
            ? time.toLocaleTimeString([], {hour: '2-digit',
                                           minute: '2-digit'})
            : '');

        item.state = state;
        item.metaEl.replaceChildren(timeEl);

        if (valid) {
            timeEl.dateTime = time.toISOString();
        }

        if (!item.own) {
            return;
        }

        const mark = element('span', 'mark', reason === undefined
                             ? glyph : `${glyph}: ${reason}`);

        mark.dataset.mark = state;

        if (reason === undefined) {
            mark.setAttribute('role', 'img');
            mark.setAttribute('aria-label', label);
            mark.title = label;
        }

        item.metaEl.append(mark);
    }

    add(item) {
        const bottom = this.atBottom();

        item.el = element('div', item.own ? 'message own' : 'message');
        item.metaEl = element('div', 'meta');

        if (!item.own) {
            item.el.append(element('div', 'sender', item.sender));
        }

        if (item.replyTo !== undefined && item.replyTo !== null) {
            const to = this.byId.get(keyOf(item.replyTo));

            item.el.append(element('div', 'reply', '↪ '
                                   + (to?.content.slice(0, 60)
                                      ?? text(item.replyTo))));
        }

        if (item.content !== '') {
            item.el.append(element('div', 'content', item.content));
        }

        if (typeof item.image === 'string') {
            item.el.append(imageLink(item.image));
        }

        item.el.append(item.metaEl);

        this.setState(item, item.state);
        this.items.push(item);
        this.index(item);
        this.append(item.el, bottom);

        if (this.items.length > MAX_ITEMS) {
            this.forget(this.items.shift());
        }
    }

    index(item) {
        const key = keyOf(item.id);

        if (key !== undefined) {
            this.byId.set(key, item);
        }

        if (item.clientKey !== undefined) {
            this.byClient.set(item.clientKey, item);
        }
    }

    forget(item) {
        clearTimeout(item.timer);
        item.el.remove();

        this.byId.delete(keyOf(item.id));
        this.byClient.delete(item.clientKey);
        this.unread = this.unread.filter((other) => other !== item);
    }

    note(line) {
        const notes = this.logEl.querySelectorAll('.note');

        if (notes.length >= MAX_ITEMS) {
            notes[0].remove();
        }

        this.append(element('div', 'note', line), this.atBottom());
    }

    append(el, follow) {
        this.logEl.append(el);

        if (follow) {
            this.logEl.scrollTop = this.logEl.scrollHeight;
        }
    }

    atBottom() {
        const log = this.logEl;

        return log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    }


    /* a message is read when its pane has the focus and shows the end */

    look() {
        const seen = this.state === 'online'
                     && document.visibilityState === 'visible'
                     && document.hasFocus()
                     && this.root.contains(document.activeElement)
                     && this.atBottom();

        const items = seen ? this.unread : [];

        for (let i = 0; i < items.length; i += MAX_READ_IDS) {
            const part = items.slice(i, i + MAX_READ_IDS);
            const ids = part.map((item) => item.id)
                            .filter((id) => keyOf(id) !== undefined);

            const frame = {type: 'read', message_ids: ids};

            if (ids.length > 0 && !this.connection.send(frame)) {
                break;
            }

            this.markRead(part);
        }

        this.showUnread();
    }

    markRead(items) {
        items.forEach((item) => item.el.classList.remove('unread'));

        this.unread = this.unread.filter((item) => !items.includes(item));
        this.showUnread();
    }

    showUnread() {
        this.badgeEl.hidden = this.unread.length === 0;
        this.badgeEl.textContent = `${this.unread.length} unread`;
    }


    /* typing: at most one frame in two seconds, and one when it is over */

    typed() {
        const now = Date.now();

        clearTimeout(this.idle);

        if (this.inputEl.value.trim() === '') {
            this.stopTyping();
            return;
        }

        this.idle = setTimeout(() => this.stopTyping(), TYPING_IDLE);

        if (now - this.saidTyping >= TYPING_EVERY
            && this.connection.send({type: 'typing', is_typing: true}))
        {
            this.saidTyping = now;
        }
    }

    stopTyping() {
        clearTimeout(this.idle);

        if (this.saidTyping !== 0) {
            this.saidTyping = 0;
            this.connection.send({type: 'typing', is_typing: false});
        }
    }
}


function address(conversation, token) {
    const id = encodeURIComponent(conversation);
    const url = new URL(`/ws/messaging/${id}/`, location.href);

    url.protocol = (location.protocol === 'https:') ? 'wss:' : 'ws:';
    url.searchParams.set('token', token);

    return url.href;
}


function why(detail) {
    const parts = [detail.code, detail.reason].filter(
        (part) => part !== undefined && part !== '');

    if (detail.code === 4001) {
        parts.push('- reload the page for a fresh token');
    }

    return parts.join(' ');
}


/*
 * The key of an id in a map; ids keep their JSON type: 5 and "5" differ.
 * What has no id has no key, and is never found.
 */

function keyOf(...parts) {
    const last = parts[parts.length - 1];

    return (typeof last === 'number' || typeof last === 'string')
        ? JSON.stringify(parts) : undefined;
}


function text(value) {
    return (value === undefined || value === null) ? '' : String(value);
}


function randomId() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));

    return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}


function element(name, className, content) {
    const el = document.createElement(name);

    if (className !== '') {
        el.className = className;
    }

    if (content !== undefined) {
        el.textContent = content;
    }

    return el;
}


/* images are never loaded from here: a link, and only to the web */

function imageLink(source) {
    const url = URL.canParse?.(source) ? new URL(source) : null;

    if (url === null || !['http:', 'https:'].includes(url.protocol)) {
        return element('span', 'image', source);
    }

    const link = element('a', 'image', `Image: ${source}`);

    link.href = url.href;
    link.rel = 'noopener noreferrer';
    link.target = '_blank';

    return link;
}


function start(config) {
    const panes = document.getElementById('panes');
    const template = document.getElementById('pane');

    if (config === undefined) {
        panes.append(element('p', 'alert', 'There is no config.js: "make run"'
                             + ' writes one and serves this page.'));
        return;
    }

    for (const user of config.users) {
        const root = template.content.firstElementChild.cloneNode(true);

        panes.append(root);
        new Pane(user, config.conversation, root);
    }
}


start(window.messagingDemo);
