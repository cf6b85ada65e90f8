-- The organization that somebody asked for when they signed up: it is made when they first sign in, and they own it.
alter table latchkey.users add column organization_wish text;
