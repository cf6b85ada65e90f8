alter table latchkey.users drop column organization_wish;
