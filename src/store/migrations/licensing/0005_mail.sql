-- Reminders, the mails they made, and templates that differ from the built-in ones. The daemon keeps
-- none of it in memory for longer than a look: no triggers for the feed.

create table reminders (
    group_id integer primary key references groups (id) on delete cascade,
    -- The first mail comes so many days before a due end.
    days integer not null check (days between 1 and 730),
    every text not null check (every in ('once', 'daily', 'weekly', '30days')),
    -- Mail addresses of partners with a space between them.
    also text not null default '' check (also not glob '*[' || char(1) || '-' || char(31) || ']*'),
    -- Whether the users of the group and below are told too.
    users integer not null default 0 check (users in (0, 1)),
    enabled integer not null default 1 check (enabled in (0, 1))
) strict;

create table mail_templates (
    event text primary key check (event <> ''),
    subject text not null,
    text text not null,
    html text not null
) strict, without rowid;

-- One row for each mail, before it is sent: the unique key is why no mail goes out twice.
create table mails (
    id integer primary key autoincrement,
    group_id integer not null references groups (id) on delete cascade,
    event text not null,
    due_end integer not null,
    -- The day of the series it is for, as 2024-11-24.
    mail_date text not null,
    address text not null,
    state text not null default 'queued'
        check (state in ('queued', 'sending', 'sent', 'failed', 'skipped')),
    made_at integer not null,
    attempts integer not null default 0,
    next_attempt_at integer not null,
    -- Which daemon sends it, and until when nobody else may.
    claimed_by text,
    lease_until integer,
    sent_at integer,
    error text,
    unique (group_id, event, due_end, mail_date, address)
) strict;
create index mails_open on mails (state, next_attempt_at) where state in ('queued', 'sending');
