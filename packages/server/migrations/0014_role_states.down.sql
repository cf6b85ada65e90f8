drop index latchkey.role_holders_locked;
drop index latchkey.role_holders_status;
drop trigger users_state_changed on latchkey.users;
drop function latchkey.hold_state();
create or replace function latchkey.hold_roles() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from latchkey.role_holders where user_id = new.id and role <> all (new.roles);
  end if;
  insert into latchkey.role_holders (role, user_id, created_at)
    select distinct held.role, new.id, new.created_at from unnest(new.roles) as held (role)
    on conflict do nothing;
  return null;
end $$;
alter table latchkey.role_holders drop column status, drop column is_locked;
