/**
 * The frame of the hosted pages of this wing: name and navigation of one organization, notices, refused forms,
 * questions, pagination, and the forms and icons that pages of several modules show. Decides nothing: a page offers
 * what its reader may do, and the rules check every request again.
 */
export { type Above, frameOf, pagerOf, titleOf } from './frame.ts'
export { again, questionRows } from './rows.ts'
export { noticeText, PageNotice } from './texts.ts'
export {
  ActivateForm,
  Icon,
  NameForm,
  OrganizationPage,
  Pager,
  placeOf,
  type Shell,
} from './views.tsx'
