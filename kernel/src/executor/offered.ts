/** What is wrong with a grant as it came over the link, before anything is made of it. */
import { type Grant, grantSchema, planHash } from '@lab/sdk';
import { ULID_PATTERN } from './run-book.ts';

export function refusalOf(offered: Grant, node: string): string | undefined {
  const parsed = grantSchema.safeParse(offered);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `malformed: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.trim();
  }
  if (!ULID_PATTERN.test(offered.ulid)) return 'malformed: ulid';
  if (offered.node !== node || offered.change.node !== node) return `it is for ${offered.node}`;
  if (planHash(offered.change) !== offered.planHash) return 'its planHash is not that of its change';
  return undefined;
}
