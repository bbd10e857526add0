/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The demo page: one pane for each user, with a connection of its own.
 *
 * config.js, loaded before this file, says who they are:
 *
 *     window.messagingDemo = {
 *         conversation: 1,
 *         users: [{id: 1, name: "Ann", token: "<JWT>"}, ...]
 *     };
 *
 * "?user=1" shows one of them alone.  Text from the network reaches the
 * document through textContent only.
 */


import { openConversation } from './client/index.js';


const NEAR = 60;
const MAX_FRAMES = 200;

const BANNERS = {
    reconnecting: 'Reconnecting…',
    failed: 'Real-time updates unavailable. Messages may be delayed.'
};

const TICKS = {
    sending: ['○', 'sending'],
    sent: ['✓', 'sent'],
    read: ['✓✓', 'read'],
    failed: ['!', 'not sent']
};


class Pane {

    constructor(user, conversation_id, root) {
        this.root = root;
        this.user = user;
        this.rows = new Map();
        this.unseen = 0;
        this.wasConnected = false;
        this.frames = 0;

        for (const name of ['avatar', 'name', 'label', 'alone', 'toggle',
                            'banner', 'log', 'news', 'typing', 'form',
                            'input', 'picture', 'frames', 'count', 'wire'])
        {
            this[`${name}El`] = root.querySelector(`.${name}`);
        }

        this.avatarEl.textContent = user.name.charAt(0);
        this.nameEl.textContent = user.name;
        this.aloneEl.href = `?user=${encodeURIComponent(user.id)}`;
        this.logEl.setAttribute('aria-label', `Messages of ${user.name}`);
        this.inputEl.setAttribute('aria-label', `Message as ${user.name}`);
        this.wireEl.setAttribute('aria-label', `Frames of ${user.name}`);
        root.setAttribute('aria-label', user.name);

        this.chat = openConversation({
            conversation_id,
            token: () => user.token
        });

        this.chat.onMessage((message) => this.arrived(message));
        this.chat.on('status', (status) => this.showStatus(status));
        this.chat.onChange(() => this.show());
        this.chat.connection.on('traffic', (frame) => this.showFrame(frame));

        this.listen();
        this.chat.connect();
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

        this.inputEl.addEventListener('input', () => {
            if (this.inputEl.value.trim() === '') {
                this.chat.stopTyping();

            } else {
                this.chat.typing();
            }
        });

        this.inputEl.addEventListener('blur', () => this.chat.stopTyping());

        this.pictureEl.addEventListener('click', () => {
            this.chat.send({ image: '/picture.svg' });
            this.toEnd();
        });

        this.toggleEl.addEventListener('click', () => {
            if (this.isOff(this.chat.status)) {
                this.chat.connect();

            } else {
                this.chat.close();
            }
        });

        this.newsEl.addEventListener('click', () => {
            this.toEnd();
            this.inputEl.focus();
        });

        /* a click anywhere in the pane counts as looking at it */

        this.root.tabIndex = -1;
        this.root.addEventListener('focusin', () => this.look());
        this.logEl.addEventListener('scroll', () => this.look());
        document.addEventListener('visibilitychange', () => this.look());
        window.addEventListener('focus', () => this.look());

        /* what was at its end stays there when the pane changes its height */

        new ResizeObserver(() => {
            if (this.following) {
                this.toEnd();
            }
        }).observe(this.logEl);

        this.following = true;
    }

    submit() {
        const content = this.inputEl.value.trim();

        if (content !== '') {
            this.inputEl.value = '';
            this.chat.send(content);
            this.toEnd();
        }
    }


    /* state */

    isOff({ state, retry_in }) {
        return state === 'failed'
               || (state === 'disconnected' && retry_in === undefined);
    }

    showStatus(status) {
        const { state, reason } = status;
        const off = this.isOff(status);

        const banner = state === 'failed' ? BANNERS.failed
                       : state !== 'connected' && this.wasConnected && !off
                       ? BANNERS.reconnecting : '';

        this.wasConnected = state === 'connected'
                            || (this.wasConnected && !off);

        this.root.dataset.state = state;
        this.labelEl.textContent = state;
        this.labelEl.title = reason ?? '';
        this.toggleEl.textContent = off ? 'Connect' : 'Disconnect';

        this.bannerEl.textContent = banner;
        this.bannerEl.hidden = banner === '';
        this.bannerEl.dataset.kind = state;

        this.look();
    }


    /* messages */

    arrived(message) {
        if (!message.own && !this.following) {
            this.unseen++;
            this.showNews();
        }
    }

    /* rows are kept by their key, so that nothing that is read moves */

    show() {
        const { messages, typists } = this.chat.getSnapshot();
        const follow = this.following;
        const gone = new Set(this.rows.keys());

        let before = null;

        for (const message of messages) {
            const row = this.rows.get(message.key) ?? this.addRow(message);

            gone.delete(message.key);
            this.fillRow(row, message);

            const place = before === null ? this.logEl.firstChild
                          : before.nextSibling;

            if (row.el !== place) {
                this.logEl.insertBefore(row.el, place);
            }

            before = row.el;
        }

        for (const key of gone) {
            this.rows.get(key).el.remove();
            this.rows.delete(key);
        }

        this.showTyping(typists);

        if (follow) {
            this.toEnd();
        }
    }

    addRow(message) {
        const el = element('li', message.own ? 'row mine' : 'row theirs');
        const row = { el, shown: null };

        this.rows.set(message.key, row);

        return row;
    }

    fillRow(row, message) {
        if (row.shown === message) {
            return;
        }

        const bubble = element('div', 'bubble');
        const foot = element('p', 'foot');
        const time = element('time', '', clock(message.created_at));

        time.dateTime = message.created_at;

        if (!message.own) {
            bubble.append(element('p', 'sender', message.sender.name
                                                 ?? message.sender.id));
        }

        if (message.content !== '') {
            bubble.append(element('p', 'content', message.content));
        }

        if (message.image) {
            bubble.append(this.picture(message.image));
        }

        foot.append(time);

        if (message.own) {
            const kind = message.is_read ? 'read' : message.status;
            const [sign, label] = TICKS[kind];
            const tick = element('span', `tick ${kind}`, sign);

            tick.setAttribute('role', 'img');
            tick.setAttribute('aria-label', label);
            foot.append(tick);
        }

        bubble.append(foot);

        if (message.status === 'failed') {
            bubble.append(this.retryButton(message));
        }

        row.el.replaceChildren(bubble);
        row.shown = message;
    }

    retryButton({ client_id, error }) {
        const button = element('button', 'again', `Not sent (${error}): again`);

        button.type = 'button';
        button.addEventListener('click', () => this.chat.retry(client_id));

        return button;
    }

    /* only what this host serves is loaded; the rest is a link, to the web */

    picture(source) {
        let url;

        try {
            url = new URL(source, location.href);

        } catch {
            return element('span', 'image', source);
        }

        if (url.origin === location.origin) {
            const img = element('img', 'image');

            img.alt = 'Picture';
            img.width = 320;
            img.height = 180;
            img.src = url.href;

            return img;
        }

        if (url.protocol !== 'http:' && url.protocol !== 'https:') {
            return element('span', 'image', source);
        }

        const link = element('a', 'image', source);

        link.href = url.href;
        link.rel = 'noopener noreferrer';
        link.target = '_blank';

        return link;
    }

    showTyping(typists) {
        const names = typists.map(({ name, user_id }) => name
                                                         ?? `User ${user_id}`);
        const text = names.length === 0 ? ''
            : `${names.join(' and ')} ${names.length > 1 ? 'are' : 'is'}`
              + ' typing';

        if (this.typingEl.dataset.text === text) {
            return;
        }

        this.typingEl.dataset.text = text;
        this.typingEl.replaceChildren(text);

        if (text !== '') {
            const dots = element('span', 'dots');

            dots.setAttribute('aria-hidden', 'true');
            dots.append(element('i', ''), element('i', ''), element('i', ''));
            this.typingEl.append(dots);
        }
    }


    /* the end of the log, and whether it is looked at */

    nearEnd() {
        const { scrollHeight, scrollTop, clientHeight } = this.logEl;

        return scrollHeight - scrollTop - clientHeight < NEAR;
    }

    toEnd() {
        this.logEl.scrollTop = this.logEl.scrollHeight;
        this.look();
    }

    look() {
        this.following = this.nearEnd();

        if (this.following && this.unseen > 0) {
            this.unseen = 0;
        }

        this.showNews();

        const seen = this.following && document.hasFocus()
                     && document.visibilityState === 'visible'
                     && this.root.contains(document.activeElement);

        const unread = seen ? this.chat.messages.filter(
            (message) => !message.own && !message.is_read) : [];

        if (unread.length > 0) {
            this.chat.markRead(unread.map((message) => message.id));
        }
    }

    showNews() {
        const n = this.unseen;

        this.newsEl.hidden = n === 0;
        this.newsEl.textContent = `${n} new message${n === 1 ? '' : 's'} ↓`;
    }


    /* the wire */

    showFrame({ direction, data }) {
        const wire = this.wireEl;
        const end = wire.scrollHeight - wire.scrollTop - wire.clientHeight < 30;
        const line = element('li', direction);

        line.append(element('span', 'way', direction === 'in' ? '↓' : '↑'),
                    ` ${data}`);
        wire.append(line);

        if (wire.childElementCount > MAX_FRAMES) {
            wire.firstChild.remove();
        }

        this.countEl.textContent = `${++this.frames}`;

        if (end) {
            wire.scrollTop = wire.scrollHeight;
        }
    }
}


function clock(time) {
    const date = new Date(time);

    return Number.isNaN(date.getTime()) ? ''
           : date.toLocaleTimeString([], { hour: '2-digit',
                                           minute: '2-digit' });
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


function start(config) {
    const panes = document.getElementById('panes');
    const template = document.getElementById('pane');
    const alone = new URLSearchParams(location.search).get('user');

    if (config === undefined) {
        panes.append(element('p', 'alert', 'There is no config.js: "make run"'
                             + ' writes one and serves this page.'));
        return;
    }

    const users = config.users.filter(({ id }) => alone === null
                                                  || String(id) === alone);

    document.body.classList.toggle('alone', users.length === 1);

    if (users.length === 1) {
        document.title = `${users[0].name} – nginx messaging`;
    }

    for (const user of users) {
        const root = template.content.firstElementChild.cloneNode(true);

        panes.append(root);
        new Pane(user, config.conversation, root);
    }
}


start(window.messagingDemo);
