drop index latchkey.invitations_sent_to;
alter table latchkey.users drop column organization_wish;
