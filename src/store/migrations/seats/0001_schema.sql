-- Who is on now. A file of its own: its writer never waits for an edit of licenses.

create table seats (
    number text not null,
    class text not null check (class in ('sip', 'app', 'call')),
    -- Empty for a SIP seat.
    device text not null default '',
    -- JSON of whoever holds it.
    details text not null default '',
    node integer not null default 0,
    version integer not null default 0,
    -- Milliseconds of UTC since 1970.
    since integer not null,
    until integer not null,
    primary key (number, class, device)
) strict, without rowid;

create table bindings (
    number text not null,
    device text not null,
    details text not null,
    until integer not null,
    primary key (number, device)
) strict, without rowid;
