-- Who is on now. A file of its own: its writer never waits for an edit of licenses.
-- Times are milliseconds of UTC since 1970.

create table seats (
    number text not null,
    -- An app takes an app seat; each of them holds the number's one SIP seat.
    class text not null check (class in ('sip', 'app', 'call')),
    device text not null,
    since integer not null,
    until integer not null,
    node integer not null default 0,
    version integer not null default 0,
    -- JSON: how the device is recognised and reached.
    details text not null,
    primary key (number, class, device)
) strict, without rowid;

-- What devices registered at the built-in registrar.
create table bindings (
    number text not null,
    contact text not null,
    until integer not null,
    -- JSON.
    details text not null,
    primary key (number, contact)
) strict, without rowid;
