/**
 * A page that does nothing: for tests of the harness itself.
 */
document.documentElement.dataset['loaded'] = 'yes'
