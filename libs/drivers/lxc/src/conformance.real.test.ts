import { conformance } from '@virtmesh/driver-testkit';
import { lxcSubject } from './testing/subject.ts';

conformance(lxcSubject);
