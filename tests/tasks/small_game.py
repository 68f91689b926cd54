"""A game of two small dense players, without norms, and its options."""

from jaxdl.models import gan
from jaxdl.tasks import adversarial

MODEL = gan.Config(
    size=(2,),
    kind="dense",
    n_latent=3,
    generator=(6,),
    discriminator=(5, 4),
    output="identity",
    discriminator_norm="none",
)
PLAIN = adversarial.Config(batch_size=8, generator_rate=1e-2, discriminator_rate=2e-2)
