-- Who may what: roles in groups, passwords, sessions, API tokens. Whatever is secret stands here as a
-- hash only. A user or a group that is removed takes all of it along.

create table roles (
    user_id integer not null references users (id) on delete cascade,
    role text not null check (role in (
        'server_administrator', 'company_administrator', 'site_administrator', 'concierge', 'user')),
    group_id integer not null references groups (id) on delete cascade,
    primary key (user_id, role, group_id),
    -- The server is for server administrators, and they are for nothing less.
    check ((role = 'server_administrator') = (group_id = 1))
) strict, without rowid;
create index roles_by_group on roles (group_id);

create table credentials (
    user_id integer primary key references users (id) on delete cascade,
    -- A PHC string of argon2id.
    password_hash text not null check (password_hash like '$argon2id$%')
) strict;

create table sessions (
    hash blob primary key check (length(hash) = 32),
    user_id integer not null references users (id) on delete cascade,
    csrf_hash blob not null check (length(csrf_hash) = 32),
    created_at integer not null,
    last_seen_at integer not null,
    expires_at integer not null,
    from_where text not null
) strict, without rowid;
create index sessions_by_user on sessions (user_id);
create index sessions_by_end on sessions (expires_at);

create table tokens (
    id integer primary key autoincrement,
    name text not null unique check (
        name <> '' and length(name) <= 64 and name not glob '*[^A-Za-z0-9._-]*'),
    hash blob not null unique check (length(hash) = 32),
    role text not null check (role in (
        'server_administrator', 'company_administrator', 'site_administrator', 'concierge', 'user')),
    group_id integer references groups (id) on delete cascade,
    -- Of whose own things it may see.
    user_id integer references users (id) on delete cascade,
    read_only integer not null default 0 check (read_only in (0, 1)),
    created_at integer not null,
    expires_at integer check (expires_at between 0 and 253402300799),
    last_used_at integer,
    created_by text not null,
    check (group_id is not null or user_id is not null),
    check ((role = 'server_administrator') = (group_id is not null and group_id = 1)),
    check (role = 'user' or (group_id is not null and user_id is null))
) strict;
create index tokens_by_group on tokens (group_id);
create index tokens_by_user on tokens (user_id);

-- The links that make the first administrator.
create table setups (
    hash blob primary key check (length(hash) = 32),
    expires_at integer not null
) strict, without rowid;

-- Whoever keeps these in memory forgets them when any of it changes; when somebody was last here is
-- no change.
create trigger roles_inserted after insert on roles begin
    insert into changes (entity, key) values ('access', 'roles');
end;
create trigger roles_updated after update on roles begin
    insert into changes (entity, key) values ('access', 'roles');
end;
create trigger roles_deleted after delete on roles begin
    insert into changes (entity, key) values ('access', 'roles');
end;
create trigger credentials_inserted after insert on credentials begin
    insert into changes (entity, key) values ('access', 'credentials');
end;
create trigger credentials_updated after update on credentials begin
    insert into changes (entity, key) values ('access', 'credentials');
end;
create trigger credentials_deleted after delete on credentials begin
    insert into changes (entity, key) values ('access', 'credentials');
end;
create trigger sessions_updated after update of hash, user_id, csrf_hash, created_at on sessions begin
    insert into changes (entity, key) values ('access', 'sessions');
end;
create trigger sessions_deleted after delete on sessions begin
    insert into changes (entity, key) values ('access', 'sessions');
end;
create trigger tokens_updated after update of
    id, name, hash, role, group_id, user_id, read_only, expires_at on tokens begin
    insert into changes (entity, key) values ('access', 'tokens');
end;
create trigger tokens_deleted after delete on tokens begin
    insert into changes (entity, key) values ('access', 'tokens');
end;
