/** What stands in place of a page that failed or does not exist. */

import type { ErrorComponentProps } from '@tanstack/react-router'
import { CircleAlert, Compass } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../components/ui/Button.tsx'
import { EmptyState } from '../components/ui/Surface.tsx'
import { t } from '../lib/i18n.ts'

export function PageError({ error }: ErrorComponentProps): ReactNode {
  return (
    <EmptyState
      icon={<CircleAlert size={28} />}
      title={t('error.page.title')}
      hint={
        <>
          <p>{t('error.page.hint')}</p>
          <p className="mono mt-2 break-words">
            {error instanceof Error ? error.message : String(error)}
          </p>
        </>
      }
      action={<Button onClick={() => location.reload()}>{t('common.retry')}</Button>}
    />
  )
}

export function NotFound(): ReactNode {
  return (
    <EmptyState
      icon={<Compass size={28} />}
      title={t('notFound.title')}
      hint={t('notFound.hint')}
    />
  )
}
