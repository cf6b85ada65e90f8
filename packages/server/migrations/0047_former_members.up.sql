-- expand 0.1
-- An account at an organization's provider is disconnected from a user who is no member, unless it is the only way in. Since when
-- its user knows that it stays, by an e-mail.
alter table latchkey.identities add column kept_at timestamptz;

-- those of an organization in the order in which a job examines them, and all of them
create index identities_examined on latchkey.identities (organization_id, id) where organization_id is not null;
drop index latchkey.identities_organization;
