-- The record of changes: who changed what, when, from where, before and after. Nothing in it is ever
-- changed or removed, whoever tries.

create table audit (
    id bigint primary key,
    at bigint not null,
    who text collate "C" not null,
    from_where text collate "C" not null,
    action text collate "C" not null,
    entity text collate "C" not null,
    -- Of what has an id; settings have names only.
    entity_id bigint,
    name text collate "C" not null,
    -- JSON objects; absent where there was, or is, nothing.
    before text collate "C",
    after text collate "C",
    forced boolean not null default false
);
create index audit_by_record on audit (entity, entity_id);
create index audit_by_author on audit (who);

-- Under which groups it happened, before and after: a row for each, so that all that happened under a
-- group is one range.
create table audit_scopes (
    group_id bigint not null,
    audit_id bigint not null references audit (id) deferrable,
    primary key (group_id, audit_id)
);

create function audit_is_only_added_to() returns trigger language plpgsql as $$
begin
    raise exception 'the record of changes is only added to';
end $$;
create trigger audit_is_not_changed before update or delete on audit
    for each row execute function audit_is_only_added_to();
create trigger audit_is_not_emptied before truncate on audit
    for each statement execute function audit_is_only_added_to();
create trigger audit_scopes_are_not_changed before update or delete on audit_scopes
    for each row execute function audit_is_only_added_to();
create trigger audit_scopes_are_not_emptied before truncate on audit_scopes
    for each statement execute function audit_is_only_added_to();

-- What a write with a key answered: the same write again gets the same answer.
create table idempotency (
    who text collate "C" not null,
    key text collate "C" not null,
    digest bytea not null,
    -- JSON: ids and warnings.
    outcome text collate "C" not null,
    at bigint not null,
    primary key (who, key)
);
create index idempotency_by_age on idempotency (at);
