-- expand 0.1
-- what an organization says about itself; the previous version does not read it
alter table latchkey.organizations
  add column description text check (length(description) <= 500),
  add column logo_url text check (length(logo_url) <= 2048);
grant update (description, logo_url) on latchkey.organizations to latchkey_request;
