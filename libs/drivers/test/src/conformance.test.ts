import { conformance } from '@virtmesh/driver-testkit';
import { testSubject } from './testing/subject.ts';

conformance(testSubject());
