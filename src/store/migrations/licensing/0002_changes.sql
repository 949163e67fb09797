-- The change feed: each row says *read this key again*. Triggers write it, so that any writer is heard.
-- A number is named by its address, everything else by its id. `insert or replace` and `update or
-- replace` push rows out without a delete trigger: `before` triggers name what could be pushed out.

create table changes (
    seq integer primary key autoincrement,
    entity text not null,
    key text not null
) strict;

create trigger groups_before_insert before insert on groups begin
    insert into changes (entity, key) select 'groups', id from groups
        where parent_id = new.parent_id and name = new.name;
end;
create trigger groups_before_update before update on groups begin
    insert into changes (entity, key) select 'groups', id from groups
        where parent_id = new.parent_id and name = new.name and id <> old.id;
end;
create trigger groups_inserted after insert on groups begin
    insert into changes (entity, key) values ('groups', new.id);
end;
create trigger groups_updated after update on groups begin
    insert into changes (entity, key) values ('groups', new.id);
    insert into changes (entity, key) select 'groups', old.id where old.id <> new.id;
end;
create trigger groups_deleted after delete on groups begin
    insert into changes (entity, key) values ('groups', old.id);
end;

create trigger users_before_insert before insert on users begin
    insert into changes (entity, key) select 'users', id from users
        where name = new.name;
end;
create trigger users_before_update before update on users begin
    insert into changes (entity, key) select 'users', id from users
        where name = new.name and id <> old.id;
end;
create trigger users_inserted after insert on users begin
    insert into changes (entity, key) values ('users', new.id);
end;
create trigger users_updated after update on users begin
    insert into changes (entity, key) values ('users', new.id);
    insert into changes (entity, key) select 'users', old.id where old.id <> new.id;
end;
create trigger users_deleted after delete on users begin
    insert into changes (entity, key) values ('users', old.id);
end;

create trigger licenses_inserted after insert on licenses begin
    insert into changes (entity, key) values ('licenses', new.id);
end;
create trigger licenses_updated after update on licenses begin
    insert into changes (entity, key) values ('licenses', new.id);
    insert into changes (entity, key) select 'licenses', old.id where old.id <> new.id;
end;
create trigger licenses_deleted after delete on licenses begin
    insert into changes (entity, key) values ('licenses', old.id);
end;

create trigger claims_before_insert before insert on claims begin
    insert into changes (entity, key) select 'claims', id from claims
        where address = new.address;
    insert into changes (entity, key) select 'claims', id from claims
        where domain = new.domain and coalesce(range_first, '') = coalesce(new.range_first, '')
        and coalesce(range_last, '') = coalesce(new.range_last, '');
end;
create trigger claims_before_update before update on claims begin
    insert into changes (entity, key) select 'claims', id from claims
        where address = new.address and id <> old.id;
    insert into changes (entity, key) select 'claims', id from claims
        where domain = new.domain and coalesce(range_first, '') = coalesce(new.range_first, '')
        and coalesce(range_last, '') = coalesce(new.range_last, '') and id <> old.id;
end;
create trigger claims_inserted after insert on claims begin
    insert into changes (entity, key) values ('claims', new.id);
end;
create trigger claims_updated after update on claims begin
    insert into changes (entity, key) values ('claims', new.id);
    insert into changes (entity, key) select 'claims', old.id where old.id <> new.id;
end;
create trigger claims_deleted after delete on claims begin
    insert into changes (entity, key) values ('claims', old.id);
end;

create trigger numbers_before_insert before insert on numbers begin
    insert into changes (entity, key) select 'numbers', aor from numbers
        where id = new.id and aor <> new.aor;
end;
create trigger numbers_before_update before update on numbers begin
    insert into changes (entity, key) select 'numbers', aor from numbers
        where id = new.id and aor <> new.aor and id <> old.id;
end;
create trigger numbers_inserted after insert on numbers begin
    insert into changes (entity, key) values ('numbers', new.aor);
end;
create trigger numbers_updated after update on numbers begin
    insert into changes (entity, key) values ('numbers', new.aor);
    insert into changes (entity, key) select 'numbers', old.aor where old.aor <> new.aor;
end;
create trigger numbers_deleted after delete on numbers begin
    insert into changes (entity, key) values ('numbers', old.aor);
end;

create trigger group_admin_emails_inserted after insert on group_admin_emails begin
    insert into changes (entity, key) values ('groups', new.group_id);
end;
create trigger group_admin_emails_updated after update on group_admin_emails begin
    insert into changes (entity, key) values ('groups', new.group_id);
    insert into changes (entity, key) select 'groups', old.group_id where old.group_id <> new.group_id;
end;
create trigger group_admin_emails_deleted after delete on group_admin_emails begin
    insert into changes (entity, key) values ('groups', old.group_id);
end;

create trigger memberships_inserted after insert on memberships begin
    insert into changes (entity, key) values ('users', new.user_id);
end;
create trigger memberships_updated after update on memberships begin
    insert into changes (entity, key) values ('users', new.user_id);
    insert into changes (entity, key) select 'users', old.user_id where old.user_id <> new.user_id;
end;
create trigger memberships_deleted after delete on memberships begin
    insert into changes (entity, key) values ('users', old.user_id);
end;
