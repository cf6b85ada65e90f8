-- expand 0.1
-- The standard claims of a user (OpenID Connect Core §5.1) besides names, locale and address: apart from users, whose rows
-- fellow members of an organization see, and which every sign-in reads. A user without a row has stated none of them.
create table latchkey.user_profiles (
  user_id text primary key references latchkey.users on delete cascade,
  claims jsonb not null check (jsonb_typeof(claims) = 'object')
);

alter table latchkey.user_profiles enable row level security;
alter table latchkey.user_profiles force row level security;
create policy system on latchkey.user_profiles to latchkey_system using (true) with check (true);
create policy own on latchkey.user_profiles to latchkey_request
  using (user_id = (select latchkey.user_id())) with check (user_id = (select latchkey.user_id()));
create policy administers on latchkey.user_profiles for select to latchkey_request
  using ((select latchkey.has_permission('users:read')));
grant select, insert (user_id, claims), update (claims) on latchkey.user_profiles to latchkey_request;
