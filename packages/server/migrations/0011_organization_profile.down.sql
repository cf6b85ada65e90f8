alter table latchkey.organizations drop column description, drop column logo_url;
