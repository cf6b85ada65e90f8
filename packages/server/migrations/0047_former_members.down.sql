create index identities_organization on latchkey.identities (organization_id) where organization_id is not null;
drop index latchkey.identities_examined;
alter table latchkey.identities drop column kept_at;
