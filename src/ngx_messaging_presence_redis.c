
/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


#include "ngx_messaging.h"
#include "ngx_messaging_json.h"
#include "ngx_messaging_presence_redis.h"


#define NGX_MESSAGING_PRESENCE_REDIS_ARGS   14
#define NGX_MESSAGING_PRESENCE_REDIS_EACH   4

/* of all numbers and times of a command */

#define NGX_MESSAGING_PRESENCE_REDIS_TEXT                                     \
    (9 * (NGX_INT64_LEN + 1) + NGX_MESSAGING_JSON_RFC3339_LEN)


/*
 * KEYS: the prefix and, if there is one, the stream: an empty key is nobody's
 * in an ACL.  ARGV: the host, its lease, whether it is fresh, MAXLEN, the
 * limit of the queue, how many are wanted of it, where those began that were
 * posted, and how many, now; then for each change "+" or "-", the user and the
 * conversation (or nothing) as JSON, and the time.
 *
 * The type of the stream is looked at first: a command that fails later would
 * leave half of it done.
 */

static char  ngx_messaging_presence_redis_script[] =

"local base,stream,me=KEYS[1],KEYS[2] or '',ARGV[1]\n"
"local lease,maxlen,limit=tonumber(ARGV[2]),ARGV[4],tonumber(ARGV[5])\n"
"local want,from,done=tonumber(ARGV[6]),ARGV[7],tonumber(ARGV[8])\n"
"local now=ARGV[9]\n"
"local hosts,dead,queue=base..'hosts',base..'dead',base..'queue'\n"
"local t=redis.call('TIME')\n"
"local ms=t[1]*1000+math.floor(t[2]/1000)\n"
"local streamed,dropped,more=0,0,0\n"

"if stream~='' then\n"
"  local type=redis.call('TYPE',stream).ok\n"
"  if type~='none' and type~='stream' then\n"
"    return redis.error_reply('WRONGTYPE '..stream..' is no stream')\n"
"  end\n"
"end\n"

"local score=redis.call('ZSCORE',hosts,me)\n"
"if ARGV[3]=='0' then\n"
"  if not score then return '0 0 0 0 0 0' end\n"
"  if tonumber(score)<ms then\n"
"    redis.call('SET',base..'calm',1,'PX',lease)\n"
"  end\n"
"end\n"
"redis.call('ZADD',hosts,string.format('%.0f',ms+lease),me)\n"

"local function text(v)\n"
"  if string.sub(v,1,1)~='\"' then return v end\n"
"  return cjson.decode('['..v..']')[1]\n"
"end\n"

"local function emit(on,u,c,at)\n"
"  local e\n"
"  if c=='' then e=on and 'user_connected' or 'user_disconnected'\n"
"  else e=on and 'joined' or 'left' end\n"
"  if stream~='' then\n"
"    local a={'XADD',stream,'MAXLEN','~',maxlen,'*',\n"
"             'event',e,'user_id',text(u)}\n"
"    if c~='' then a[#a+1]='conversation_id' a[#a+1]=text(c) end\n"
"    a[#a+1]='at' a[#a+1]=at\n"
"    redis.call(unpack(a))\n"
"    streamed=streamed+1\n"
"  elseif redis.call('LLEN',queue)>=limit then dropped=dropped+1\n"
"  else\n"
"    local s='{\"event\":\"'..e..'\",\"user_id\":'..u\n"
"    if c~='' then s=s..',\"conversation_id\":'..c end\n"
"    redis.call('RPUSH',queue,s..',\"at\":\"'..at..'\"}')\n"
"  end\n"
"end\n"

"local function leave(host,k,v,at)\n"
"  v=redis.call('HGET',base..'at:'..k,host) or v\n"
"  redis.call('HDEL',base..'at:'..k,host)\n"
"  redis.call('SREM',base..'of:'..host,k)\n"
"  if v and redis.call('HLEN',base..'at:'..k)==0 then\n"
"    local u,c=string.match(v,'^([^\\n]*)\\n(.*)$')\n"
"    emit(false,u,c,at)\n"
"  end\n"
"end\n"

"if redis.call('EXISTS',base..'calm')==0 then\n"
"  local d=redis.call('ZRANGEBYSCORE',hosts,'-inf',\n"
"                     string.format('%.0f',ms),'LIMIT',0,1)[1]\n"
"  if d then redis.call('ZREM',hosts,d) redis.call('SADD',dead,d) end\n"
"  d=redis.call('SRANDMEMBER',dead)\n"
"  if d then\n"
"    local ks=redis.call('SPOP',base..'of:'..d,200)\n"
"    for _,k in ipairs(ks) do leave(d,k,nil,now) end\n"
"    if #ks<200 then redis.call('SREM',dead,d) else more=1 end\n"
"  end\n"
"end\n"

"for i=10,#ARGV,4 do\n"
"  local u,c,at=ARGV[i+1],ARGV[i+2],ARGV[i+3]\n"
"  local k,v=text(u)..'\\n'..text(c),u..'\\n'..c\n"
"  if ARGV[i]=='+' then\n"
"    local first=redis.call('HLEN',base..'at:'..k)==0\n"
"    redis.call('HSET',base..'at:'..k,me,v)\n"
"    redis.call('SADD',base..'of:'..me,k)\n"
"    if first then emit(true,u,c,at) end\n"
"  else leave(me,k,v,at) end\n"
"end\n"

"local events,head={},redis.call('GET',base..'head') or '0'\n"
"if stream=='' then\n"
"  if done>0 and head==from then\n"
"    redis.call('LTRIM',queue,done,-1)\n"
"    head=string.format('%.0f',redis.call('INCRBY',base..'head',done))\n"
"  end\n"
"  local who=redis.call('GET',base..'poster')\n"
"  if not who or who==me then\n"
"    redis.call('SET',base..'poster',me,'PX',lease)\n"
"    if want>0 then\n"
"      events=redis.call('LRANGE',queue,0,want-1)\n"
"    end\n"
"  end\n"
"end\n"

"return '1 '..streamed..' '..dropped..' '..more..' '..head..' '\n"
"       ..#events..' '..table.concat(events,',')\n";


static ngx_uint_t ngx_messaging_presence_redis_args(ngx_str_t *argv,
    u_char *buf, ngx_messaging_presence_t *p,
    ngx_messaging_presence_report_t *report);
static u_char *ngx_messaging_presence_redis_change(ngx_str_t *argv, u_char *p,
    ngx_messaging_presence_change_t *change);


ngx_int_t
ngx_messaging_presence_redis_tell(ngx_messaging_redis_t *redis,
    ngx_messaging_presence_t *p, ngx_messaging_presence_report_t *report,
    ngx_messaging_presence_change_t *changes, ngx_uint_t n,
    ngx_messaging_redis_reply_pt handler, void *data)
{
    u_char      *buf, *times;
    ngx_int_t    rc;
    ngx_str_t   *argv;
    ngx_uint_t   i, argc, max;

    max = NGX_MESSAGING_PRESENCE_REDIS_ARGS
          + NGX_MESSAGING_PRESENCE_REDIS_EACH * n;

    argv = ngx_alloc(max * sizeof(ngx_str_t)
                     + n * NGX_MESSAGING_JSON_RFC3339_LEN
                     + NGX_MESSAGING_PRESENCE_REDIS_TEXT + report->prefix.len
                     + sizeof("@events:"),
                     ngx_cycle->log);
    if (argv == NULL) {
        return NGX_ERROR;
    }

    times = (u_char *) &argv[max];
    buf = times + n * NGX_MESSAGING_JSON_RFC3339_LEN;

    argc = ngx_messaging_presence_redis_args(argv, buf, p, report);

    for (i = 0; i < n; i++) {
        times = ngx_messaging_presence_redis_change(&argv[argc], times,
                                                    &changes[i]);
        argc += NGX_MESSAGING_PRESENCE_REDIS_EACH;
    }

    rc = ngx_messaging_redis_command(redis, argc, argv, handler, data);

    ngx_free(argv);

    return rc;
}


static ngx_uint_t
ngx_messaging_presence_redis_args(ngx_str_t *argv, u_char *p,
    ngx_messaging_presence_t *presence,
    ngx_messaging_presence_report_t *report)
{
    u_char      *start;
    ngx_uint_t   i, n, numbers[7];

    numbers[0] = report->lease;
    numbers[1] = report->fresh;
    numbers[2] = report->maxlen;
    numbers[3] = NGX_MESSAGING_PRESENCE_REDIS_QUEUE;
    numbers[4] = report->want;
    numbers[5] = report->head;
    numbers[6] = report->done;

    ngx_str_set(&argv[0], "EVAL");

    argv[1].data = (u_char *) ngx_messaging_presence_redis_script;
    argv[1].len = sizeof(ngx_messaging_presence_redis_script) - 1;

    if (report->stream.len) {
        ngx_str_set(&argv[2], "2");

    } else {
        ngx_str_set(&argv[2], "1");
    }

    start = p;
    p = ngx_sprintf(p, "%V@events:", &report->prefix);
    argv[3].data = start;
    argv[3].len = p - start;

    n = 4;

    if (report->stream.len) {
        argv[n++] = report->stream;
    }

    start = p;
    p = ngx_sprintf(p, "%uA-%ui", presence->shm->host_token,
                    ngx_messaging_presence_incarnation(presence));
    argv[n].data = start;
    argv[n++].len = p - start;

    for (i = 0; i < 7; i++) {
        start = p;
        p = ngx_sprintf(p, "%ui", numbers[i]);
        argv[n].data = start;
        argv[n++].len = p - start;
    }

    start = p;
    p = ngx_messaging_json_rfc3339(p, ngx_messaging_presence_now());
    argv[n].data = start;
    argv[n++].len = p - start;

    return n;
}


static u_char *
ngx_messaging_presence_redis_change(ngx_str_t *argv, u_char *p,
    ngx_messaging_presence_change_t *change)
{
    if (change->present) {
        ngx_str_set(&argv[0], "+");

    } else {
        ngx_str_set(&argv[0], "-");
    }

    argv[1].data = change->text;
    argv[1].len = change->nuser;

    argv[2].data = change->text + change->nuser;
    argv[2].len = change->nconversation;

    argv[3].data = p;
    argv[3].len = NGX_MESSAGING_JSON_RFC3339_LEN;

    return ngx_messaging_json_rfc3339(p, change->at);
}


ngx_int_t
ngx_messaging_presence_redis_parse(ngx_messaging_presence_answer_t *answer,
    ngx_messaging_resp_reply_t *reply)
{
    u_char      *p, *last, *start;
    ngx_int_t    value;
    ngx_uint_t   i, values[6];

    if (reply->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    p = reply->str.data;
    last = p + reply->str.len;

    for (i = 0; i < 6; i++) {

        for (start = p; p < last && *p != ' '; p++) { /* void */ }

        value = ngx_atoi(start, p - start);

        if (value == NGX_ERROR) {
            return NGX_ERROR;
        }

        values[i] = value;

        if (p < last) {
            p++;
        }
    }

    answer->known = values[0];
    answer->streamed = values[1];
    answer->dropped = values[2];
    answer->more = values[3];
    answer->head = values[4];
    answer->nevents = values[5];
    answer->events.data = p;
    answer->events.len = last - p;

    return NGX_OK;
}
