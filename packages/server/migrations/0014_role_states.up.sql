-- expand 0.1
-- The holders of a role in a status, and those who are locked, along an index each: a rare status of a common role was
-- searched among all of its holders. `users` is locked first, as by everything else that writes both tables.
create or replace function latchkey.hold_roles() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' then
    delete from latchkey.role_holders where user_id = new.id and role <> all (new.roles);
  end if;
  insert into latchkey.role_holders (role, user_id, created_at, status, is_locked)
    select distinct held.role, new.id, new.created_at, new.status, new.locked_at is not null
    from unnest(new.roles) as held (role)
    on conflict do nothing;
  return null;
end $$;
create function latchkey.hold_state() returns trigger language plpgsql as $$
begin
  update latchkey.role_holders set status = new.status, is_locked = new.locked_at is not null where user_id = new.id;
  return null;
end $$;
create trigger users_state_changed after update of status, locked_at on latchkey.users for each row
  when (old.status is distinct from new.status or (old.locked_at is null) <> (new.locked_at is null))
  execute function latchkey.hold_state();

-- neither default writes the rows of the table; only those that differ are written
alter table latchkey.role_holders
  add column status text not null default 'active',
  add column is_locked boolean not null default false;
set local role latchkey_system;
update latchkey.role_holders h set status = u.status, is_locked = u.locked_at is not null
  from latchkey.users u where u.id = h.user_id and (u.status <> 'active' or u.locked_at is not null);
reset role;

-- `nulls first`, as in users_created: the index of the role alone is not in this order, and would be searched from end to
-- end where the statistics say that all holders are alike
create index role_holders_status on latchkey.role_holders (role, status, created_at nulls first, user_id);
create index role_holders_locked on latchkey.role_holders (role, created_at nulls first, user_id) where is_locked;
