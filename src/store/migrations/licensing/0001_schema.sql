-- Who stands under whom, what was granted, who owns which number.
-- Times are seconds of UTC since 1970. `strict` and the checks keep edits by hand sane.

create table groups (
    id integer primary key autoincrement,
    parent_id integer references groups (id),
    name text not null,
    kind text not null default '',
    restricted integer not null default 0 check (restricted in (0, 1)),
    hand_out text not null default 'split' check (hand_out in ('split', 'shared')),
    time_zone text,
    monitor integer not null default 0 check (monitor in (0, 1)),
    -- Row 1 is the server; every root group's parent is row 1.
    check ((id = 1) = (parent_id is null)),
    check (parent_id <> id),
    check (id = 1 or (name <> '' and name = trim(name) and instr(name, '/') = 0)),
    check (name not glob '*[' || char(1) || '-' || char(31) || ']*'),
    check (kind not glob '*[' || char(1) || '-' || char(31) || ']*')
) strict;
create unique index groups_by_name on groups (parent_id, name);

create table group_admin_emails (
    group_id integer not null references groups (id) on delete cascade,
    email text not null check (email like '_%@_%' and email not glob '*[' || char(1) || '- ]*'),
    primary key (group_id, email)
) strict, without rowid;

create table users (
    id integer primary key autoincrement,
    name text not null unique
        check (name <> '' and name = trim(name) and name not glob '*[' || char(1) || '-' || char(31) || ']*'),
    email text check (email like '_%@_%' and email not glob '*[' || char(1) || '- ]*')
) strict;

create table memberships (
    user_id integer not null references users (id) on delete cascade,
    group_id integer not null references groups (id),
    primary key (user_id, group_id)
) strict, without rowid;
create index memberships_by_group on memberships (group_id);

create table licenses (
    id integer primary key autoincrement,
    group_id integer references groups (id),
    user_id integer references users (id),
    license_type text not null default ''
        check (license_type not glob '*[' || char(1) || '-' || char(31) || ']*'),
    sip_numbers integer not null check (sip_numbers between 0 and 1000000000),
    mobile_apps integer not null default 0 check (mobile_apps between 0 and sip_numbers),
    -- Names with a comma between them.
    features text not null default '' check (features not glob '*[^a-z0-9_,]*'),
    valid_from integer check (valid_from between 0 and 253402300799),
    valid_until integer check (valid_until between 0 and 253402300799),
    suspended integer not null default 0 check (suspended in (0, 1)),
    check ((group_id is null) <> (user_id is null)),
    check (valid_from < valid_until)
) strict;
create index licenses_by_group on licenses (group_id);
create index licenses_by_user on licenses (user_id);

create table numbers (
    id integer primary key autoincrement,
    -- Normalized: sip:user@domain, the domain in lower case, nothing after it.
    aor text not null unique check (
        aor glob 'sip:?*@?*'
        and aor not glob '*[' || char(1) || '- <>"]*'
        and substr(aor, instr(aor, '@')) = lower(substr(aor, instr(aor, '@')))
        and aor not glob '*@*@*'
        and instr(aor, ';') = 0
    ),
    group_id integer references groups (id),
    user_id integer references users (id),
    kind text not null default 'phone'
        check (kind in ('panel', 'monitor', 'app', 'phone', 'concierge', 'dialer')),
    password text check (password <> '' and password not glob '*[' || char(1) || '-' || char(31) || ']*'),
    check ((group_id is null) <> (user_id is null))
) strict;
-- Counting created numbers by owner and kind reads this index alone.
create index numbers_by_owner on numbers (group_id, user_id, kind);

create table claims (
    id integer primary key autoincrement,
    group_id integer not null references groups (id),
    kind text not null default 'phone'
        check (kind in ('panel', 'monitor', 'app', 'phone', 'concierge', 'dialer')),
    domain text check (domain <> '' and domain = lower(domain) and domain not glob '*[' || char(1) || '- <>"@;:/]*'),
    range_first text check (range_first <> '' and range_first not glob '*[^0-9]*'),
    range_last text check (length(range_last) = length(range_first) and range_last not glob '*[^0-9]*' and range_first <= range_last),
    address text unique check (address <> '' and address not glob '*[^0-9a-f.:]*'),
    check ((domain is null) <> (address is null)),
    check ((range_first is null) = (range_last is null)),
    check (domain is not null or range_first is null)
) strict;
create unique index claims_by_rule
    on claims (domain, coalesce(range_first, ''), coalesce(range_last, '')) where domain is not null;
create index claims_by_group on claims (group_id);

-- Keys of what we sign; `previous` still verifies for a while after a rotation.
create table secrets (
    name text primary key,
    current blob not null check (length(current) >= 16),
    previous blob,
    rotated_at integer not null
) strict, without rowid;

-- What the daemon keeps for itself between starts.
create table settings (
    name text primary key,
    value text not null
) strict, without rowid;

-- Imports that have begun and not ended: they are resumed (by the same rows again) or undone.
create table imports (
    id integer primary key autoincrement,
    digest blob not null unique,
    started_at integer not null,
    total integer not null,
    written integer not null default 0
) strict;

-- The ids that each piece of an import was given, ends included.
create table import_pieces (
    import_id integer not null references imports (id) on delete cascade,
    first_id integer not null,
    last_id integer not null,
    primary key (import_id, first_id)
) strict, without rowid;

insert into groups (id, parent_id, name, kind) values (1, null, '', 'server');
