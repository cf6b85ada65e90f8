create or replace function latchkey.has_permission(wanted text) returns boolean language sql stable parallel unsafe as $$
  select exists (
    select 1
    from unnest(string_to_array(nullif(current_setting('latchkey.permissions', true), ''), ' ')) as held
    where held in (wanted, '*', '*:*', split_part(wanted, ':', 1) || ':*', '*:' || split_part(wanted, ':', 2))
  )
$$;
drop function latchkey.grants(text, text);
alter function latchkey.organization_id() parallel unsafe;
alter function latchkey.user_id() parallel unsafe;
drop policy caller_writes on latchkey.revocations;
create policy caller_writes on latchkey.revocations for insert to latchkey_request with check (true);
delete from latchkey.revocations where kind in ('role', 'org');
alter table latchkey.revocations drop constraint revocations_kind_check;
alter table latchkey.revocations add constraint revocations_kind_check check (kind in ('jti', 'sid', 'sub', 'key'));
drop index latchkey.users_roles;
drop table latchkey.permissions;
drop table latchkey.roles;
