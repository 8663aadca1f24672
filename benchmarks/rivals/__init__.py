"""Other forecasting packages, in an environment of their own so that no user has to install them."""
