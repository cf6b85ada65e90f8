-- expand 0.1
create table latchkey.users (
  id text primary key,
  username text,
  username_key text,
  full_name text,
  locale text,
  status text not null check (status in ('pending', 'active', 'disabled')),
  roles text[] not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  last_login_at timestamptz
);
-- a pending user owns no identifier: whoever verifies first gets it
create unique index users_username on latchkey.users (username_key) where status <> 'pending';
create index users_username_pending on latchkey.users (username_key, created_at desc) where status = 'pending';
create index users_pending on latchkey.users (created_at) where status = 'pending';

create table latchkey.emails (
  id text primary key,
  user_id text not null references latchkey.users on delete cascade,
  address text not null,
  address_key text not null,
  is_primary boolean not null,
  claimed_at timestamptz,
  verified_at timestamptz,
  created_at timestamptz not null
);
create unique index emails_claimed on latchkey.emails (address_key) where claimed_at is not null;
create index emails_pending on latchkey.emails (address_key, created_at desc) where claimed_at is null;
create unique index emails_primary on latchkey.emails (user_id) where is_primary;

create table latchkey.passwords (
  user_id text primary key references latchkey.users on delete cascade,
  hash text not null,
  changed_at timestamptz not null
);
create table latchkey.password_history (
  user_id text not null references latchkey.users on delete cascade,
  hash text not null,
  replaced_at timestamptz not null,
  primary key (user_id, replaced_at)
);

create table latchkey.links (
  id text primary key,
  purpose text not null check (purpose in ('verify_email', 'reset_password', 'setup')),
  user_id text references latchkey.users on delete cascade,
  email_id text references latchkey.emails on delete cascade,
  secret_hash bytea not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index links_user on latchkey.links (user_id, purpose);
create index links_expires on latchkey.links (expires_at);

-- a letter goes with the person it is about
alter table latchkey.letters add column user_id text references latchkey.users on delete cascade;
create index letters_user on latchkey.letters (user_id);

alter table latchkey.users enable row level security;
alter table latchkey.users force row level security;
create policy system on latchkey.users to latchkey_system using (true) with check (true);
create policy own on latchkey.users to latchkey_request
  using (id = (select latchkey.user_id())) with check (id = (select latchkey.user_id()));
grant select on latchkey.users to latchkey_request;
-- status and roles are nobody's own to change
grant update (username, username_key, full_name, locale, updated_at) on latchkey.users to latchkey_request;

do $$
declare t text;
begin
  foreach t in array array['emails', 'passwords', 'password_history', 'links'] loop
    execute format('alter table latchkey.%I enable row level security', t);
    execute format('alter table latchkey.%I force row level security', t);
    execute format('create policy system on latchkey.%I to latchkey_system using (true) with check (true)', t);
  end loop;
end $$;
create policy own on latchkey.emails for select to latchkey_request using (user_id = (select latchkey.user_id()));
grant select on latchkey.emails to latchkey_request;
