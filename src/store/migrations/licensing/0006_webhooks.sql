-- Who is told of what happens under a group, and what is still to be told.

create table webhooks (
    id integer primary key autoincrement,
    group_id integer not null references groups (id) on delete cascade,
    url text not null check (url like 'http%' and length(url) <= 2000),
    -- The key of the signature.
    secret text not null check (secret <> ''),
    -- Names with a comma between them.
    events text not null check (events <> '' and events not glob '*[^a-z_,]*'),
    -- How long before its end a license is told of.
    days integer not null default 30 check (days between 1 and 3650),
    enabled integer not null default 1 check (enabled in (0, 1)),
    created_by text not null,
    -- Made by a server administrator: it may lead to addresses that are not public.
    trusted integer not null default 0 check (trusted in (0, 1)),
    created_at integer not null,
    -- Deliveries that gave way to newer ones.
    dropped integer not null default 0
) strict;
create index webhooks_by_group on webhooks (group_id);

create table deliveries (
    id integer primary key autoincrement,
    webhook_id integer not null references webhooks (id) on delete cascade,
    event text not null,
    payload text not null,
    state text not null default 'queued' check (state in ('queued', 'done', 'failed')),
    attempts integer not null default 0,
    next_attempt_at integer not null,
    -- Until then somebody is at it.
    lease integer not null default 0,
    last_status integer,
    last_error text,
    created_at integer not null
) strict;
create index deliveries_by_webhook on deliveries (webhook_id, state);

-- What a webhook is told once: the end of a license, say.
create table webhook_subjects (
    webhook_id integer not null references webhooks (id) on delete cascade,
    subject text not null,
    -- Of no use any more from then on.
    until integer not null,
    primary key (webhook_id, subject)
) strict, without rowid;
