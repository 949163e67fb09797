-- Who is on now. A file of its own: its writer never waits for an edit of licenses.
-- Times are milliseconds of UTC since 1970.

-- One row for each number that holds a seat.
create table seats (
    number text primary key,
    since integer not null,
    until integer not null,
    node integer not null default 0,
    version integer not null default 0,
    -- JSON: its devices and calls.
    details text not null check (json_valid(details))
) strict, without rowid;

-- What devices registered at the built-in registrar.
create table bindings (
    number text not null,
    contact text not null,
    until integer not null,
    details text not null check (json_valid(details)),
    primary key (number, contact)
) strict, without rowid;
