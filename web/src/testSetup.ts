/** Prepares the test environment: what happy-dom lacks of a browser. */

import { cleanup } from '@testing-library/react'
import { afterEach } from 'vitest'

afterEach(cleanup)
