-- expand 0.1
-- The organization that somebody asked for when they signed up: it is made when they first sign in, and they own it.
alter table latchkey.users add column organization_wish text;

-- how many invitations an address was sent of late, whoever sent them
create index invitations_sent_to on latchkey.invitations (address_key, sent_at);
